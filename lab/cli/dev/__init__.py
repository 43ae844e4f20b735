"""`lab dev`: for authors of exercises."""
