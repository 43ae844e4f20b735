package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS known_users (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	balance INTEGER NOT NULL
)`

// KnownUser is the data of user.registered and user.updated: the whole user, as of this version.
type KnownUser struct {
	ID      string `json:"user_id"`
	Name    string `json:"name"`
	Balance int64  `json:"balance"`
	Version int64  `json:"version"`
}

// Replica is what orders knows of users: a copy of its own, fed by their events.
type Replica struct{ db *sql.DB }

// Handle is called by the consumer, which acknowledges after it has returned.
func (r *Replica) Handle(ctx context.Context, event Event) error {
	var user KnownUser
	if err := json.Unmarshal(event.Data, &user); err != nil || user.ID == "" {
		return fmt.Errorf("%w: the event %s names no user", ErrUnreadable, event.ID)
	}
	// TODO: what comes last is not always what happened last.
	_, err := r.db.ExecContext(ctx, `
		INSERT INTO known_users (id, name, balance) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, balance = excluded.balance`,
		user.ID, user.Name, user.Balance)
	return err
}

func (r *Replica) Find(ctx context.Context, id string) (KnownUser, error) {
	user := KnownUser{ID: id}
	row := r.db.QueryRowContext(ctx, "SELECT name, balance FROM known_users WHERE id = ?", id)
	err := row.Scan(&user.Name, &user.Balance)
	if errors.Is(err, sql.ErrNoRows) {
		return user, problem(http.StatusNotFound, "unknown_user", "No user %s is known here.", id)
	}
	return user, err
}
