"""Kazoo's own API over AMQP: lookup, start, stop and remove, as a real Kazoo node speaks them."""
