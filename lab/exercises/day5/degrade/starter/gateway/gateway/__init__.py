"""The gateway: a home page from three services behind it."""
