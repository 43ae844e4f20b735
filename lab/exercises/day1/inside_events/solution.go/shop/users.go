package main

import (
	"context"
	"database/sql"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

var address = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

type User struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
}

func (u User) check() error {
	if len(u.Email) > 254 || !address.MatchString(u.Email) {
		return invalid("This is no e-mail address.")
	}
	if u.Name == "" || utf8.RuneCountInString(u.Name) > 200 {
		return invalid("A name has between 1 and 200 characters.")
	}
	return nil
}

// UserChange: what is left out stays as it is.
type UserChange struct {
	Email *string `json:"email"`
	Name  *string `json:"name"`
}

// Users is /users.
type Users struct {
	db  *sql.DB
	bus *Bus
}

func (u *Users) Routes(routes *http.ServeMux) {
	routes.Handle("/users", methods{http.MethodPost: u.register, http.MethodGet: u.list})
	routes.Handle("/users/", methods{http.MethodGet: u.show, http.MethodPatch: u.change, http.MethodDelete: u.remove})
}

func (u *Users) register(w http.ResponseWriter, r *http.Request) error {
	var asked UserChange
	if err := read(r, &asked); err != nil {
		return err
	}
	user := asked.on(User{ID: newID(), CreatedAt: now()})
	if err := user.check(); err != nil {
		return err
	}
	err := inTransaction(r.Context(), u.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO users (id, email, name, created_at) VALUES (?, ?, ?, ?)",
			user.ID, user.Email, user.Name, user.CreatedAt)
		return err
	})
	if err != nil {
		return orTaken(err, user.Email)
	}
	u.bus.Publish(UserRegistered{user.ID}) // after the commit: what was rolled back has not happened
	return reply(w, http.StatusCreated, user)
}

func (u *Users) list(w http.ResponseWriter, r *http.Request) error {
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	found, err := u.find(r.Context(), u.db, "WHERE position > ? ORDER BY position LIMIT ?", window.After, window.Limit+1)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, pageOf(found, window.Limit))
}

func (u *Users) show(w http.ResponseWriter, r *http.Request) error {
	user, err := u.one(r.Context(), u.db, idOf(r))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, user)
}

func (u *Users) change(w http.ResponseWriter, r *http.Request) error {
	var asked UserChange
	if err := read(r, &asked); err != nil {
		return err
	}
	var user User
	err := inTransaction(r.Context(), u.db, func(tx *sql.Tx) (err error) {
		if user, err = u.one(r.Context(), tx, idOf(r)); err != nil {
			return err
		}
		user = asked.on(user)
		if err := user.check(); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE users SET email = ?, name = ? WHERE id = ?", user.Email, user.Name, user.ID)
		return err
	})
	if err != nil {
		return orTaken(err, user.Email)
	}
	return reply(w, http.StatusOK, user)
}

func (u *Users) remove(w http.ResponseWriter, r *http.Request) error {
	id := idOf(r)
	err := inTransaction(r.Context(), u.db, func(tx *sql.Tx) error {
		if _, err := u.one(r.Context(), tx, id); err != nil {
			return err
		}
		var inUse bool
		if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM orders WHERE user_id = ?)", id).Scan(&inUse); err != nil {
			return err
		}
		if inUse {
			return problem(http.StatusConflict, "user_has_orders", "User %s has orders.", id)
		}
		_, err := tx.Exec("DELETE FROM users WHERE id = ?", id)
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c UserChange) on(user User) User {
	if c.Email != nil {
		user.Email = *c.Email
	}
	if c.Name != nil {
		user.Name = *c.Name
	}
	return user
}

// A querier is the database, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (u *Users) one(ctx context.Context, db querier, id string) (User, error) {
	found, err := u.find(ctx, db, "WHERE id = ?", id)
	if err == nil && len(found) == 0 {
		err = problem(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
	}
	if err != nil {
		return User{}, err
	}
	return found[0].Item, nil
}

func (u *Users) find(ctx context.Context, db querier, which string, args ...any) ([]Row[User], error) {
	rows, err := db.QueryContext(ctx, "SELECT position, id, email, name, created_at FROM users "+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Row[User]
	for rows.Next() {
		var row Row[User]
		if err := rows.Scan(&row.Position, &row.Item.ID, &row.Item.Email, &row.Item.Name, &row.Item.CreatedAt); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// orTaken: nobody looks before whether an e-mail is taken, for two could look before either writes. The unique key says so.
func orTaken(err error, email string) error {
	if isTaken(err) {
		return problem(http.StatusConflict, "email_taken", "Somebody registered %s before.", email)
	}
	return err
}

// idOf is what follows the first part of the path: /users/{id}.
func idOf(r *http.Request) string {
	_, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return id
}
