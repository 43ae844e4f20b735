package main

import "time"

// schema is what is kept. Rules that must hold for every row stand here, where no race can get round them. The position is
// the order of arrival: it is what pages are cut by, because it never changes and never repeats.
const schema = `
CREATE TABLE IF NOT EXISTS users (
	position   INTEGER PRIMARY KEY AUTOINCREMENT,
	id         TEXT NOT NULL UNIQUE,
	email      TEXT NOT NULL UNIQUE,
	name       TEXT NOT NULL,
	balance    INTEGER NOT NULL DEFAULT 0,
	created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (
	position   INTEGER PRIMARY KEY AUTOINCREMENT,
	id         TEXT NOT NULL UNIQUE,
	user_id    TEXT NOT NULL REFERENCES users (id),
	items      TEXT NOT NULL,
	total      INTEGER NOT NULL,
	status     TEXT NOT NULL,
	created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_user ON orders (user_id)`

// now is the time as RFC 3339.
func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
