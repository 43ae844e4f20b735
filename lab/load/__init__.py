"""The traffic generator: open-loop and seeded."""
