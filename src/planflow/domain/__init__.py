"""Frozen nouns of the negotiation: figures, units, commands, events. No I/O and no clock."""
