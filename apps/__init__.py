"""App processes: each folder is one, built on `tasks_bindings` alone."""
