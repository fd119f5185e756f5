"""What runs without anybody asking for it: triggers and schedules."""
