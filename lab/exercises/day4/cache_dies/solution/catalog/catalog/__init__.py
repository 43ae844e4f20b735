"""The catalog: products of a slow origin, with copies of them in Redis for as long as there is a Redis."""
