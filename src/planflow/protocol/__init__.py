"""The rules of one kind of negotiation, as data: models, loader, lint, bundled protocols."""
