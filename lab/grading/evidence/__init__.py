"""The story that shows a failure."""
