"""Conducts the saga of each order: says who does what next, and never forgets where it stood."""
