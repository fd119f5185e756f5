"""What protects the service from its clients: rates, concurrency, slow uploads."""
