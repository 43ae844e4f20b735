"""The gateway: the one door to users and orders."""
