"""Engines on three tiers: embedded in the lab, native from PATH, or anybody's by URL. A folder a kind."""
