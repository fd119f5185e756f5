"""Background jobs for Kazoo-style clusters."""
