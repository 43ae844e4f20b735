"""The gateway: asks users, and tries again where that helps."""
