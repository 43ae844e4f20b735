"""The content of the course, and the learner's progress."""
