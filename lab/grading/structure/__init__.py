"""The structure of a learner's program, read from its sources."""
