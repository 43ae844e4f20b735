"""Commands that start a system, end it, or show it again."""
