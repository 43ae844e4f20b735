"""Shows what it knows of users, and has money withdrawn."""
