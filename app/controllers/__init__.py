"""User intent to requests: what happens between a view and the store or the engine."""
