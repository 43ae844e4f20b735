"""Redis: a private Valkey from the wheel that the lab brings along, or a redis-server or valkey-server from PATH."""
