"""A System becomes processes."""
