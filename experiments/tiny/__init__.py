"""The exact study of the tiny world: `undertow tiny`."""
