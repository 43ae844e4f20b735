"""What checks look through: the services, the broker, the cache, as a client sees them."""
