"""A day that the lab does not know: one folder."""
