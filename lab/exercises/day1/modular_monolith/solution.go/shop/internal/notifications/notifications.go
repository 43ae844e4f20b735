// Package notifications knows who is to be told what. What is exported here is all that others may use.
package notifications

import (
	"context"
	"database/sql"
	"net/http"

	"shop/internal/chassis"
)

// Schema is what notifications keeps.
const Schema = `
CREATE TABLE IF NOT EXISTS notifications_notifications (
	position   INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	user_id    TEXT NOT NULL,
	order_id   TEXT NOT NULL,
	template   TEXT NOT NULL,
	created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS notifications_notifications_by_user ON notifications_notifications (user_id);`

type Notifications struct{ db *sql.DB }

func New(db *sql.DB) *Notifications { return &Notifications{db: db} }

// OrderPlaced writes down that the user is to be told.
func (n *Notifications) OrderPlaced(ctx context.Context, userID, orderID string) error {
	return chassis.InTransaction(ctx, n.db, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO notifications_notifications (id, user_id, order_id, template, created_at)
			VALUES (?, ?, ?, ?, ?)`, chassis.NewID(), userID, orderID, "order_created", chassis.Now())
		return err
	})
}

// Routes is /notifications.
func (n *Notifications) Routes(routes *http.ServeMux) {
	routes.Handle("/notifications", chassis.Methods{http.MethodGet: n.list})
}

type notification struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	OrderID   string `json:"order_id"`
	Template  string `json:"template"`
	CreatedAt string `json:"created_at"`
}

func (n *Notifications) list(w http.ResponseWriter, r *http.Request) error {
	rows, err := n.db.QueryContext(r.Context(), `SELECT id, user_id, order_id, template, created_at
		FROM notifications_notifications WHERE user_id = ? ORDER BY position`, r.URL.Query().Get("user_id"))
	if err != nil {
		return err
	}
	defer rows.Close()
	found := []notification{}
	for rows.Next() {
		var one notification
		if err := rows.Scan(&one.ID, &one.UserID, &one.OrderID, &one.Template, &one.CreatedAt); err != nil {
			return err
		}
		found = append(found, one)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusOK, map[string]any{"items": found})
}
