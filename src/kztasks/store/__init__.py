"""Everything that lasts: the interface, MongoDB behind it, and the embedded server."""
