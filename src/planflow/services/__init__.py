"""Use cases: one unit of work each. A use case opens it, asks the engine, appends, answers."""
