"""The form of an event, its commitments, chain, tree and signed checkpoints: pure functions (F2, F10)."""
