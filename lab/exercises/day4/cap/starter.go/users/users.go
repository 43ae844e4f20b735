package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
)

// schema: a user's version counts their changes: 1 when registered, one more with each of them.
const schema = `
CREATE TABLE IF NOT EXISTS users (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	balance INTEGER NOT NULL,
	version INTEGER NOT NULL
);`

type Registration struct {
	Name    string `json:"name"`
	Balance int64  `json:"balance"`
}

type Renaming struct {
	Name string `json:"name"`
}

type User struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Balance int64  `json:"balance"`
	Version int64  `json:"version"`
}

type Users struct {
	db     *sql.DB
	outbox *Outbox
}

// Register returns the new user when they are saved, and are going to be announced.
func (u *Users) Register(ctx context.Context, asked Registration, requestID string) (User, error) {
	if err := checkName(asked.Name); err != nil {
		return User{}, err
	}
	if asked.Balance < 0 {
		return User{}, invalid("balance is at least 0.")
	}
	user := User{ID: newID(), Name: asked.Name, Balance: asked.Balance, Version: 1}
	err := inTransaction(ctx, u.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO users (id, name, balance, version) VALUES (?, ?, ?, ?)",
			user.ID, user.Name, user.Balance, user.Version)
		if err != nil {
			return err
		}
		return u.announce(tx, "user.registered", user, requestID)
	})
	return user, err
}

func (u *Users) Find(ctx context.Context, id string) (User, error) {
	return find(u.db.QueryRowContext(ctx, findUser, id), id)
}

func (u *Users) Rename(ctx context.Context, id string, asked Renaming, requestID string) (user User, err error) {
	if err := checkName(asked.Name); err != nil {
		return User{}, err
	}
	err = inTransaction(ctx, u.db, func(tx *sql.Tx) error {
		if user, err = find(tx.QueryRow(findUser, id), id); err != nil {
			return err
		}
		user.Name = asked.Name
		user.Version++
		return u.change(tx, user, requestID)
	})
	return user, err
}

const findUser = "SELECT id, name, balance, version FROM users WHERE id = ?"

func find(row *sql.Row, id string) (user User, err error) {
	err = row.Scan(&user.ID, &user.Name, &user.Balance, &user.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return user, problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
	}
	return user, err
}

// change saves the user as they are now, and announces that.
func (u *Users) change(tx *sql.Tx, user User, requestID string) error {
	_, err := tx.Exec("UPDATE users SET name = ?, balance = ?, version = ? WHERE id = ?",
		user.Name, user.Balance, user.Version, user.ID)
	if err != nil {
		return err
	}
	return u.announce(tx, "user.updated", user, requestID)
}

// announce tells the whole user as they are now, and which version that is.
func (u *Users) announce(tx *sql.Tx, kind string, user User, requestID string) error {
	event, err := happened("/users", kind, requestID, map[string]any{
		"user_id": user.ID, "name": user.Name, "balance": user.Balance, "version": user.Version,
	})
	if err != nil {
		return err
	}
	return u.outbox.Add(tx, event)
}

func checkName(name string) error {
	if name == "" || len(name) > 200 {
		return invalid("A name has between 1 and 200 bytes.")
	}
	return nil
}
