"""The cache layer: whoever wants a product asks here, and only here is the origin known."""
