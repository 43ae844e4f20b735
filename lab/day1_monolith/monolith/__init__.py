"""The shop as one module: every route sees every table."""
