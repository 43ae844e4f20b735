"""The new home of users: a copy of what the monolith knows, which repairs itself."""
