"""TODO: what the service is for, in a sentence."""
