"""Commands for the learner's own services."""
