"""The journal: one Event schema, append, follow, replay, query."""
