"""The catalog: products of a slow origin, with copies of them in Redis."""
