package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// outboxSchema: a row's position is the order of commits, for SQLite has one writer at a time. The body is the whole
// event, its id included, so that every attempt sends the same. Whoever has the one baton relays, until the time in it
// (Unix, in milliseconds): two relays at once would send everything twice and out of order.
const outboxSchema = `
CREATE TABLE IF NOT EXISTS outbox (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	event_id TEXT NOT NULL UNIQUE,
	body     TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS relay_baton (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	holder TEXT NOT NULL,
	until  INTEGER NOT NULL
)`

const (
	batch = 50
	// hold is after how long somebody else may relay, if whoever has the baton is not heard of again.
	hold = 2 * time.Second
)

// Outbox is what happened and is still to be told. What happened and that it is to be told commit together, so they
// cannot disagree.
type Outbox struct{ db *sql.DB }

// Add has the event announced if, and only if, the transaction commits.
func (o *Outbox) Add(tx *sql.Tx, event Event) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO outbox (event_id, body) VALUES (?, ?)", event.ID, string(body))
	return err
}

// Pending is how many events wait to be announced.
func (o *Outbox) Pending(ctx context.Context) (count int, err error) {
	err = o.db.QueryRowContext(ctx, "SELECT count(*) FROM outbox").Scan(&count)
	return count, err
}

// Next is what to announce now, the oldest first; nothing while another instance has the baton.
func (o *Outbox) Next(ctx context.Context, holder string) (events []Event, err error) {
	if waiting, err := o.Pending(ctx); waiting == 0 || err != nil {
		return nil, err // only now is it worth to wait for the lock
	}
	err = inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		if ours, err := takeBaton(tx, holder); !ours || err != nil {
			return err
		}
		events, err = oldest(tx)
		return err
	})
	return events, err
}

// Forget is called when the broker has the event.
func (o *Outbox) Forget(ctx context.Context, event Event) error {
	_, err := o.db.ExecContext(ctx, "DELETE FROM outbox WHERE event_id = ?", event.ID)
	return err
}

func takeBaton(tx *sql.Tx, holder string) (ours bool, err error) {
	now := time.Now()
	done, err := tx.Exec(`
		INSERT INTO relay_baton (id, holder, until) VALUES (1, ?, ?)
		ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE holder = excluded.holder OR until < ?`, holder, now.Add(hold).UnixMilli(), now.UnixMilli())
	if err != nil {
		return false, err
	}
	changed, err := done.RowsAffected()
	return changed == 1, err
}

func oldest(tx *sql.Tx) ([]Event, error) {
	rows, err := tx.Query("SELECT body FROM outbox ORDER BY position LIMIT ?", batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		var body []byte
		var event Event
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(body, &event); err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, rows.Err()
}
