"""Orders: what was ordered. Of users it knows their ids."""
