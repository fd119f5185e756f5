"""What a task is and what its rules say. Pure: no I/O, no clock, no framework."""
