"""Users: who may order."""
