"""Has reports made, which takes long."""
