"""A run as a picture: the fold of its events. A file for each thing that is in it, `run` for the whole."""
