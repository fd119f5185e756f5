"""Runs tasks: claims them, hands their rows to apps, commits what came back, ends them."""
