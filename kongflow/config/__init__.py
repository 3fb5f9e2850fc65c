"""Files → Catalog, or a sorted list of findings. Never opens a database, never imports a handler to check it."""
