"""The HTTP front: Crossbar's tasks API. It stores and reads; a scheduler runs."""
