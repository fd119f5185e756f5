"""Who asks: tokens, the keys that sign them, and the exchange of an API key for a token."""
