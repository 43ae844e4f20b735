package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
)

// Wallet is money: a user's balance, and orders paid from it. It adds up, as long as nobody else is there.
type Wallet struct {
	db     *sql.DB
	orders *Orders
}

// Routes leads what is about money here, and all the rest to its own routes.
func (w *Wallet) Routes(routes *http.ServeMux, rest http.Handler) {
	money := map[string]http.Handler{
		"users/deposit": methods{http.MethodPost: w.deposit},
		"users/balance": methods{http.MethodGet: w.show},
		"orders/pay":    methods{http.MethodPost: w.pay},
	}
	routes.HandleFunc("/", func(out http.ResponseWriter, r *http.Request) {
		if parts := strings.Split(r.URL.Path, "/"); len(parts) == 4 {
			if chosen, ok := money[parts[1]+"/"+parts[3]]; ok {
				chosen.ServeHTTP(out, r)
				return
			}
		}
		rest.ServeHTTP(out, r)
	})
}

func (w *Wallet) deposit(out http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Amount int64 `json:"amount"`
	}
	if err := read(r, &asked); err != nil {
		return err
	}
	if asked.Amount <= 0 || asked.Amount > largest {
		return invalid("amount is between 1 and %d.", largest)
	}
	balance, err := w.balance(r.Context(), subjectOf(r))
	if err != nil {
		return err
	}
	balance += asked.Amount
	err = inTransaction(r.Context(), w.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE users SET balance = ? WHERE id = ?", balance, subjectOf(r))
		return err
	})
	if err != nil {
		return err
	}
	return reply(out, http.StatusOK, map[string]int64{"balance": balance})
}

func (w *Wallet) show(out http.ResponseWriter, r *http.Request) error {
	balance, err := w.balance(r.Context(), subjectOf(r))
	if err != nil {
		return err
	}
	return reply(out, http.StatusOK, map[string]int64{"balance": balance})
}

func (w *Wallet) pay(out http.ResponseWriter, r *http.Request) error {
	// TODO: read, decide, write. Who else may have read the same by then, in this process or in another one?
	order, err := w.orders.one(r.Context(), w.db, subjectOf(r))
	if err != nil {
		return err
	}
	balance, err := w.balance(r.Context(), order.UserID)
	if err != nil {
		return err
	}
	switch {
	case order.Status == "paid":
		return problem(http.StatusConflict, "already_paid", "Order %s is paid already.", order.ID)
	case order.Status != "created":
		return problem(http.StatusConflict, "order_cancelled", "Order %s is %s.", order.ID, order.Status)
	case balance < order.Total:
		return problem(http.StatusConflict, "insufficient_funds", "User %s has %d UZS.", order.UserID, balance)
	}
	// TODO: what if the process dies between these two?
	if _, err := w.db.Exec("UPDATE users SET balance = ? WHERE id = ?", balance-order.Total, order.UserID); err != nil {
		return err
	}
	if _, err := w.db.Exec("UPDATE orders SET status = 'paid' WHERE id = ?", order.ID); err != nil {
		return err
	}
	order.Status = "paid"
	return reply(out, http.StatusOK, order)
}

func (w *Wallet) balance(ctx context.Context, user string) (balance int64, err error) {
	err = w.db.QueryRowContext(ctx, "SELECT balance FROM users WHERE id = ?", user).Scan(&balance)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, problem(http.StatusNotFound, "unknown_user", "There is no user %s.", user)
	}
	return balance, err
}

// subjectOf is whom or what a path is about: /users/{id}/deposit, /orders/{id}/pay.
func subjectOf(r *http.Request) string { return strings.Split(r.URL.Path, "/")[2] }
