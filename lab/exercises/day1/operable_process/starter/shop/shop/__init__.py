"""The shop in one process with one database: users, and what they order."""
