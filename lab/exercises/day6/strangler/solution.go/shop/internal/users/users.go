// Package users knows who may order. What is exported here is all that others may use.
package users

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"shop/internal/chassis"
)

// Schema is what users keeps. The position is the order of arrival: it is what pages are cut by, because it never changes
// and never repeats.
const Schema = `
CREATE TABLE IF NOT EXISTS users_users (
	position   INTEGER PRIMARY KEY AUTOINCREMENT,
	id         TEXT NOT NULL UNIQUE,
	email      TEXT NOT NULL UNIQUE,
	name       TEXT NOT NULL,
	created_at TEXT NOT NULL
);`

// Users are those of this process.
type Users struct {
	db       *sql.DB
	neededBy []func(ctx context.Context, userID string) (bool, error)
}

func New(db *sql.DB) *Users { return &Users{db: db} }

// NeededBy has somebody asked before a user is deleted: whether they still need the user with this id.
func (u *Users) NeededBy(needs func(ctx context.Context, userID string) (bool, error)) {
	u.neededBy = append(u.neededBy, needs)
}

// Routes is /users, and the door for copies.
func (u *Users) Routes(routes *http.ServeMux) {
	routes.Handle("/users", chassis.Methods{http.MethodPost: u.register, http.MethodGet: u.list})
	routes.Handle("/users/", chassis.Methods{
		http.MethodGet: u.show, http.MethodPatch: u.change, http.MethodDelete: u.remove,
	})
	u.copyRoutes(routes)
}

// Know tells whether there is this user.
func (u *Users) Know(ctx context.Context, id string) (bool, error) {
	_, err := u.one(ctx, u.db, id)
	var known *chassis.Problem
	if errors.As(err, &known) && known.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}
