"""Makes pages of what the others know: of what it needs, and of what it can do without."""
