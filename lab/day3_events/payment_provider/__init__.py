"""A payment provider of somebody else's: idempotent by key, and programmable to misbehave."""
