"""How checks are written and run."""
