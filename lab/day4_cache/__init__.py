"""Thursday: a catalog, its cache and a slow origin.

The catalog answers from Redis where it can. The origin is right, and slow: each of its reads looks through a hundred
thousand rows. `catalog/products/` holds one file for each way to keep the two together.
"""
