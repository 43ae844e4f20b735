"""The shop: one process, one database, and inside of it modules with walls."""
