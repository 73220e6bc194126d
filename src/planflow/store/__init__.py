"""Tables, statements, migrations; the only room that commits."""
