"""Users in two regions: each has all of them in a database of its own, and asks the other one what is new."""
