"""SQL: a SQLite file a service, or a private PostgreSQL cluster with a database a service."""
