"""Commands that teach what stands behind the exercises."""
