"""The new home of users: a copy that repairs itself, and a cache before it."""
