"""Pure decisions: commands in, events out; state is a fold of events (N2, N13)."""
