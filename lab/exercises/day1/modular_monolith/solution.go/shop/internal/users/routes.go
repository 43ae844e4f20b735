package users

import (
	"context"
	"database/sql"
	"net/http"
	"regexp"
	"unicode/utf8"

	"shop/internal/chassis"
	"shop/internal/pages"
)

var address = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

type user struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
}

func (u user) check() error {
	if len(u.Email) > 254 || !address.MatchString(u.Email) {
		return chassis.Invalid("This is no e-mail address.")
	}
	if u.Name == "" || utf8.RuneCountInString(u.Name) > 200 {
		return chassis.Invalid("A name has between 1 and 200 characters.")
	}
	return nil
}

// userChange: what is left out stays as it is.
type userChange struct {
	Email *string `json:"email"`
	Name  *string `json:"name"`
}

func (u *Users) register(w http.ResponseWriter, r *http.Request) error {
	var asked userChange
	if err := chassis.Read(r, &asked); err != nil {
		return err
	}
	made := asked.on(user{ID: chassis.NewID(), CreatedAt: chassis.Now()})
	if err := made.check(); err != nil {
		return err
	}
	err := chassis.InTransaction(r.Context(), u.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO users_users (id, email, name, created_at) VALUES (?, ?, ?, ?)",
			made.ID, made.Email, made.Name, made.CreatedAt)
		return err
	})
	if err != nil {
		return orTaken(err, made.Email)
	}
	return chassis.Reply(w, http.StatusCreated, made)
}

func (u *Users) list(w http.ResponseWriter, r *http.Request) error {
	window, err := pages.WindowOf(r)
	if err != nil {
		return err
	}
	found, err := u.find(r.Context(), u.db, "WHERE position > ? ORDER BY position LIMIT ?", window.After, window.Limit+1)
	if err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusOK, pages.Of(found, window.Limit))
}

func (u *Users) show(w http.ResponseWriter, r *http.Request) error {
	found, err := u.one(r.Context(), u.db, chassis.IDOf(r))
	if err != nil {
		return err
	}
	return chassis.Reply(w, http.StatusOK, found)
}

func (u *Users) change(w http.ResponseWriter, r *http.Request) error {
	var asked userChange
	if err := chassis.Read(r, &asked); err != nil {
		return err
	}
	var found user
	err := chassis.InTransaction(r.Context(), u.db, func(tx *sql.Tx) (err error) {
		if found, err = u.one(r.Context(), tx, chassis.IDOf(r)); err != nil {
			return err
		}
		found = asked.on(found)
		if err := found.check(); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE users_users SET email = ?, name = ? WHERE id = ?", found.Email, found.Name, found.ID)
		return err
	})
	if err != nil {
		return orTaken(err, found.Email)
	}
	return chassis.Reply(w, http.StatusOK, found)
}

func (u *Users) remove(w http.ResponseWriter, r *http.Request) error {
	id := chassis.IDOf(r)
	for _, needs := range u.neededBy {
		needed, err := needs(r.Context(), id)
		if err != nil {
			return err
		}
		if needed {
			return chassis.Problemf(http.StatusConflict, "user_has_orders", "User %s has orders.", id)
		}
	}
	err := chassis.InTransaction(r.Context(), u.db, func(tx *sql.Tx) error {
		if _, err := u.one(r.Context(), tx, id); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM users_users WHERE id = ?", id)
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c userChange) on(changed user) user {
	if c.Email != nil {
		changed.Email = *c.Email
	}
	if c.Name != nil {
		changed.Name = *c.Name
	}
	return changed
}

func (u *Users) one(ctx context.Context, db chassis.Querier, id string) (user, error) {
	found, err := u.find(ctx, db, "WHERE id = ?", id)
	if err == nil && len(found) == 0 {
		err = chassis.Problemf(http.StatusNotFound, "unknown_user", "There is no user %s.", id)
	}
	if err != nil {
		return user{}, err
	}
	return found[0].Item, nil
}

func (u *Users) find(ctx context.Context, db chassis.Querier, which string, args ...any) ([]pages.Row[user], error) {
	rows, err := db.QueryContext(ctx, "SELECT position, id, email, name, created_at FROM users_users "+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []pages.Row[user]
	for rows.Next() {
		var row pages.Row[user]
		if err := rows.Scan(&row.Position, &row.Item.ID, &row.Item.Email, &row.Item.Name, &row.Item.CreatedAt); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// orTaken: nobody looks before whether an e-mail is taken, for two could look before either writes. The unique key says so.
func orTaken(err error, email string) error {
	if chassis.IsTaken(err) {
		return chassis.Problemf(http.StatusConflict, "email_taken", "Somebody registered %s before.", email)
	}
	return err
}
