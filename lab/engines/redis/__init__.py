"""Redis: fakeredis in a process of its own, or a private redis-server or valkey-server from PATH."""
