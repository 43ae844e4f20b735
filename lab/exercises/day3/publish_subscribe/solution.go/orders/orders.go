package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
)

const userRegistered = "user.registered"

// known_users is what this service needs to know of users: a copy of its own, fed by events.
const schema = `
CREATE TABLE IF NOT EXISTS known_users (
	id TEXT PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS orders (
	id      TEXT PRIMARY KEY,
	user_id TEXT NOT NULL,
	amount  INTEGER NOT NULL
)`

type OrderRequest struct {
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

func (o OrderRequest) check() error {
	if o.UserID == "" || len(o.UserID) > 64 {
		return invalid("user_id has between 1 and 64 bytes.")
	}
	if o.Amount <= 0 {
		return invalid("amount is more than 0.")
	}
	return nil
}

type Order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Amount int64  `json:"amount"`
}

type Orders struct{ db *sql.DB }

// Remember keeps whom we hear of; hearing it twice changes nothing. Other types are none of our business, and a type that
// we do not know is no error: whoever publishes may tell more than we listen to.
func (o *Orders) Remember(ctx context.Context, event Event) error {
	if event.Type != userRegistered {
		logLine("info", "ignored "+event.Type, map[string]any{"correlation_id": event.CorrelationID})
		return nil
	}
	var user struct {
		ID string `json:"user_id"`
	}
	if err := json.Unmarshal(event.Data, &user); err != nil || user.ID == "" {
		return fmt.Errorf("%w: the event %s names no user", ErrUnreadable, event.ID)
	}
	_, err := o.db.ExecContext(ctx, "INSERT INTO known_users (id) VALUES (?) ON CONFLICT DO NOTHING", user.ID)
	return err
}

// Place returns the new order when it is saved.
func (o *Orders) Place(ctx context.Context, asked OrderRequest) (Order, error) {
	order := Order{ID: newID(), UserID: asked.UserID, Amount: asked.Amount}
	err := inTransaction(ctx, o.db, func(tx *sql.Tx) error {
		var known bool
		err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM known_users WHERE id = ?)", asked.UserID).Scan(&known)
		if err != nil {
			return err
		}
		if !known {
			return problem(http.StatusUnprocessableEntity, "unknown_user", "No user %s is known here (yet).", asked.UserID)
		}
		_, err = tx.Exec("INSERT INTO orders (id, user_id, amount) VALUES (?, ?, ?)", order.ID, order.UserID, order.Amount)
		return err
	})
	return order, err
}
