"""The strangler: stands before the old and the new, and asks its route table who answers."""
