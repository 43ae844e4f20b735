"""Work that takes longer than a visitor waits: a job is written down, and done by whichever instance is free."""
