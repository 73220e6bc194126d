"""The audit: what is stored is what the events say, and the events are what was signed (N13, F10)."""
