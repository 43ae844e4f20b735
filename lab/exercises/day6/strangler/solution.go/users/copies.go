package main

import (
	"database/sql"
	"net/http"
)

// CopyRoutes is /copies, the door where the gateway brings what the other side has decided. The rules are not checked
// again: they held where it was decided.
func (u *Users) CopyRoutes(routes *http.ServeMux) {
	routes.Handle("/copies/", methods{http.MethodPut: u.keep, http.MethodDelete: u.drop})
}

func (u *Users) keep(w http.ResponseWriter, r *http.Request) error {
	var copied User
	if err := read(r, &copied); err != nil {
		return err
	}
	id := idOf(r)
	err := inTransaction(r.Context(), u.db, func(tx *sql.Tx) error {
		// Whoever else has this e-mail here has another one by now, and is copied next. Until then it is in the way.
		_, err := tx.Exec("UPDATE users SET email = 'outdated:' || id WHERE email = ? AND id != ?", copied.Email, id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO users (id, email, name, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
			SET email = excluded.email, name = excluded.name, created_at = excluded.created_at`,
			id, copied.Email, copied.Name, copied.CreatedAt)
		return err
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (u *Users) drop(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.db.ExecContext(r.Context(), "DELETE FROM users WHERE id = ?", idOf(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
