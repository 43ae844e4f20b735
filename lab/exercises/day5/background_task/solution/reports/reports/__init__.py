"""Has reports made in the background: what was promised with a 202 is done, whoever dies meanwhile."""
