"""Wednesday: events, queues, sagas."""
