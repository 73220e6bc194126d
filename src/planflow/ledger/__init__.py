"""The form of an event, its commitments and its chain: pure functions over bytes (F2)."""
