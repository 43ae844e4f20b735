package main

import (
	"context"
	"net/http"
)

// list answers GET /orders, a page at a time.
func (o *Orders) list(w http.ResponseWriter, r *http.Request) error {
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	which, args := "WHERE position > ?", []any{window.After}
	if user := query.Get("user_id"); user != "" {
		which, args = which+" AND user_id = ?", append(args, user)
	}
	found, err := o.find(r.Context(), which+" ORDER BY position LIMIT ?", append(args, window.Limit+1)...)
	if err != nil {
		return err
	}
	page := pageOf(found, window.Limit)
	switch query.Get("expand") {
	case "":
		return reply(w, http.StatusOK, page)
	case "user":
		return reply(w, http.StatusOK, o.withUsers(r.Context(), page, r.Header.Get("X-Request-ID")))
	default:
		return invalid("There is nothing to expand but user.")
	}
}

// OrderWithUser has null for a user who is no more, or whom nobody can name just now.
type OrderWithUser struct {
	Order
	User *User `json:"user"`
}

type PageWithUsers struct {
	Page[OrderWithUser]
	Degraded []string `json:"degraded,omitempty"`
}

// withUsers is the page with the user of each order: one question for all of them, however many orders there are.
//
// The orders are ours, and right, whatever becomes of the question. So without an answer they are shown without users, and
// the page says so: a null that we do not know and a null that is nobody are not to be told apart otherwise.
func (o *Orders) withUsers(ctx context.Context, page Page[Order], requestID string) PageWithUsers {
	shown := PageWithUsers{Page: Page[OrderWithUser]{Items: []OrderWithUser{}, NextCursor: page.NextCursor}}
	ids := map[string]bool{}
	for _, order := range page.Items {
		ids[order.UserID] = true
	}
	known, err := o.users.Named(ctx, ids, requestID)
	if err != nil {
		logLine("warn", "users is unavailable: "+err.Error(), map[string]any{"dependency": "users"})
		shown.Degraded = []string{"users"}
	}
	for _, order := range page.Items {
		shown.Items = append(shown.Items, OrderWithUser{Order: order, User: known[order.UserID]})
	}
	return shown
}
