package main

import (
	"context"
	"database/sql"
	"net/http"
)

type Notification struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Template  string `json:"template"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

// Notifications is /notifications: who was written to, and whether it went out.
type Notifications struct {
	db   *sql.DB
	mail *Mail
}

func (n *Notifications) Routes(routes *http.ServeMux) {
	routes.Handle("/notifications", methods{http.MethodGet: n.list})
}

// Welcome is told of each new user.
func (n *Notifications) Welcome(event UserRegistered) error {
	ctx, note := context.Background(), Notification{newID(), event.UserID, "welcome", "sent", now()}
	if err := n.mail.Send(ctx, note.UserID, note.Template); err != nil {
		note.Status = "failed"
		logLine("warn", "no mail: "+err.Error(), map[string]any{"user_id": note.UserID})
	}
	return inTransaction(ctx, n.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO notifications (id, user_id, template, status, created_at) VALUES (?, ?, ?, ?, ?)",
			note.ID, note.UserID, note.Template, note.Status, note.CreatedAt)
		return err
	})
}

func (n *Notifications) list(w http.ResponseWriter, r *http.Request) error {
	rows, err := n.db.QueryContext(r.Context(),
		"SELECT id, user_id, template, status, created_at FROM notifications WHERE user_id = ? ORDER BY position",
		r.URL.Query().Get("user_id"))
	if err != nil {
		return err
	}
	defer rows.Close()
	items := []Notification{}
	for rows.Next() {
		var note Notification
		if err := rows.Scan(&note.ID, &note.UserID, &note.Template, &note.Status, &note.CreatedAt); err != nil {
			return err
		}
		items = append(items, note)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]any{"items": items})
}
