package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// schema: a user as of one of their versions; others may be on their way, in any order. The one row of the horizon says
// until when (Unix, in microseconds) we have heard everything.
const schema = `
CREATE TABLE IF NOT EXISTS known_users (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	balance INTEGER NOT NULL,
	version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS horizon (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	as_of INTEGER NOT NULL
)`

// KnownUser is the data of user.registered and user.updated: the whole user, as of this version. A heartbeat has AsOf only.
type KnownUser struct {
	ID      string    `json:"user_id"`
	Name    string    `json:"name"`
	Balance int64     `json:"balance"`
	Version int64     `json:"version"`
	AsOf    time.Time `json:"as_of"`
}

// Replica is what orders knows of users: a copy of its own, fed by their events, which knows how old it is.
//
// Every event moves the horizon, the heartbeat too: users tells everything in order, so what happened before it has been
// heard. It counts when that was sent, not when it came: a slow network makes old what it carries.
type Replica struct{ db *sql.DB }

// Handle is called by the consumer, which acknowledges after it has returned.
func (r *Replica) Handle(ctx context.Context, event Event) error {
	var user KnownUser
	if err := json.Unmarshal(event.Data, &user); err != nil || user.AsOf.IsZero() {
		return fmt.Errorf("%w: the event %s does not say when it was so", ErrUnreadable, event.ID)
	}
	return inTransaction(ctx, r.db, func(tx *sql.Tx) error {
		if user.ID != "" {
			if err := keepTheNewer(tx, user); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`
			INSERT INTO horizon (id, as_of) VALUES (1, ?)
			ON CONFLICT (id) DO UPDATE SET as_of = max(as_of, excluded.as_of)`, user.AsOf.UnixMicro())
		return err
	})
}

// keepTheNewer: what comes last is not always what happened last. An event may come again, or overtake another.
func keepTheNewer(tx *sql.Tx, user KnownUser) error {
	_, err := tx.Exec(`
		INSERT INTO known_users (id, name, balance, version) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, balance = excluded.balance, version = excluded.version
		WHERE version < excluded.version`, user.ID, user.Name, user.Balance, user.Version)
	return err
}

// Find returns the user as we have heard of them, and until when we have heard everything.
func (r *Replica) Find(ctx context.Context, id string) (user KnownUser, asOf time.Time, err error) {
	var heard int64
	row := r.db.QueryRowContext(ctx, `
		SELECT known_users.id, name, balance, version, as_of FROM known_users, horizon WHERE known_users.id = ?`, id)
	err = row.Scan(&user.ID, &user.Name, &user.Balance, &user.Version, &heard)
	if errors.Is(err, sql.ErrNoRows) {
		return user, asOf, problem(http.StatusNotFound, "unknown_user", "No user %s is known here (yet).", id)
	}
	return user, time.UnixMicro(heard).UTC(), err
}
