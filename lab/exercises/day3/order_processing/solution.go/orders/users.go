package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
)

// UserRegistered keeps whom we hear of; hearing it twice changes nothing.
func (o *Orders) UserRegistered(ctx context.Context, event Event) error {
	if event.Type != "user.registered" {
		return nil
	}
	var data struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal(event.Data, &data); err != nil || data.UserID == "" {
		return fmt.Errorf("%w: the event %s names no user", ErrUnreadable, event.ID)
	}
	_, err := o.db.ExecContext(ctx, "INSERT INTO known_users (id) VALUES (?) ON CONFLICT DO NOTHING", data.UserID)
	return err
}

// mustKnow is a problem for the client unless somebody has told of the user.
func mustKnow(tx *sql.Tx, userID string) error {
	var known bool
	if err := tx.QueryRow("SELECT count(*) FROM known_users WHERE id = ?", userID).Scan(&known); err != nil || known {
		return err
	}
	return problem(http.StatusUnprocessableEntity, "unknown_user", "No user %s is known here (yet).", userID)
}
