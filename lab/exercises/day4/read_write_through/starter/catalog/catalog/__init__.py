"""The catalog: products, as the cache layer tells them."""
