"""Redis, AMQP and SQL engines: embedded, native, by URL."""
