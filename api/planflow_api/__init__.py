"""planflow over HTTP: the FastAPI service. It reaches plans through `planflow.services` only."""
