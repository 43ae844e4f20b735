"""How a part moves out of the monolith: a copy beside its record, made by a backfill and right again after whatever
happens."""
