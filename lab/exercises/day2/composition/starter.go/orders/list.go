package main

import "net/http"

// list answers GET /orders, a page at a time.
func (o *Orders) list(w http.ResponseWriter, r *http.Request) error {
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	which, args := "WHERE position > ?", []any{window.After}
	if user := r.URL.Query().Get("user_id"); user != "" {
		which, args = which+" AND user_id = ?", append(args, user)
	}
	found, err := o.find(r.Context(), which+" ORDER BY position LIMIT ?", append(args, window.Limit+1)...)
	if err != nil {
		return err
	}
	// TODO: with ?expand=user each order has its user: {id, name}. GET {USERS_URL}/users?ids=a,b,c knows them.
	return reply(w, http.StatusOK, pageOf(found, window.Limit))
}
