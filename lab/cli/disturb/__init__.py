"""Commands that disturb a run or a single connection."""
