"""Schedules: tasks that are made by the clock."""
