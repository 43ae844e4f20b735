package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"regexp"
)

const schema = `
CREATE TABLE IF NOT EXISTS users (
	id    TEXT PRIMARY KEY,
	email TEXT NOT NULL UNIQUE,
	name  TEXT NOT NULL
);`

var address = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

type Registration struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

func (r Registration) check() error {
	if len(r.Email) > 254 || !address.MatchString(r.Email) {
		return invalid("%q is no e-mail address.", r.Email)
	}
	if r.Name == "" || len(r.Name) > 200 {
		return invalid("A name has between 1 and 200 bytes.")
	}
	return nil
}

type User struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

type Users struct {
	db     *sql.DB
	outbox *Outbox
}

// Register saves a new user and, in the same transaction, that everybody is to hear of it. requestID is that of whoever asks.
func (u *Users) Register(ctx context.Context, asked Registration, requestID string) (User, error) {
	if err := asked.check(); err != nil {
		return User{}, err
	}
	user := User{ID: newID(), Email: asked.Email, Name: asked.Name}
	event, err := happened("/users", "user.registered", requestID, map[string]string{
		"user_id": user.ID, "email": user.Email, "name": user.Name,
	})
	if err != nil {
		return User{}, err
	}
	err = inTransaction(ctx, u.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO users (id, email, name) VALUES (?, ?, ?)", user.ID, user.Email, user.Name)
		if err != nil {
			return err
		}
		return u.outbox.Add(tx, event)
	})
	if isTaken(err) {
		return User{}, problem(http.StatusConflict, "email_taken", "%s is registered already.", user.Email)
	}
	return user, err
}

func (u *Users) Find(ctx context.Context, id string) (User, error) {
	user := User{ID: id}
	row := u.db.QueryRowContext(ctx, "SELECT email, name FROM users WHERE id = ?", id)
	err := row.Scan(&user.Email, &user.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
	}
	return user, err
}
