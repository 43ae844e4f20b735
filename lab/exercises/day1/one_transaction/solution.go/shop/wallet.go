package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
)

// Wallet is money: a user's balance, and orders paid from it.
//
// Who decides is always the database, in the statement that writes: "take 100 if there are 100", "paid if it was not".
// Then it does not matter what anybody has read before, in this process or in another one. And what belongs together is in
// one transaction, so that a process that dies in the middle has done nothing.
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
	user := subjectOf(r)
	var balance int64
	err := w.writing(out, r, func(tx *sql.Tx) (err error) {
		if _, err := tx.Exec("UPDATE users SET balance = balance + ? WHERE id = ?", asked.Amount, user); err != nil {
			return err
		}
		balance, err = balanceOf(tx.QueryRow(findBalance, user), user)
		return err
	})
	if err != nil {
		return err
	}
	return reply(out, http.StatusOK, map[string]int64{"balance": balance})
}

func (w *Wallet) show(out http.ResponseWriter, r *http.Request) error {
	user := subjectOf(r)
	balance, err := balanceOf(w.db.QueryRowContext(r.Context(), findBalance, user), user)
	if err != nil {
		return err
	}
	return reply(out, http.StatusOK, map[string]int64{"balance": balance})
}

func (w *Wallet) pay(out http.ResponseWriter, r *http.Request) error {
	var order Order
	err := w.writing(out, r, func(tx *sql.Tx) (err error) {
		order, err = w.paid(r.Context(), tx, subjectOf(r))
		return err
	})
	if err != nil {
		return err
	}
	return reply(out, http.StatusOK, order)
}

// paid is the order as it is now that its money was taken.
func (w *Wallet) paid(ctx context.Context, tx *sql.Tx, id string) (Order, error) {
	fresh, err := changed(tx, "UPDATE orders SET status = 'paid' WHERE id = ? AND status = 'created'", id)
	if err != nil {
		return Order{}, err
	}
	order, err := w.orders.one(ctx, tx, id)
	switch {
	case err != nil:
		return Order{}, err
	case !fresh && order.Status == "paid":
		return Order{}, problem(http.StatusConflict, "already_paid", "Order %s is paid already.", id)
	case !fresh:
		return Order{}, problem(http.StatusConflict, "order_cancelled", "Order %s is %s.", id, order.Status)
	}
	enough, err := changed(tx, "UPDATE users SET balance = balance - ? WHERE id = ? AND balance >= ?",
		order.Total, order.UserID, order.Total)
	if err == nil && !enough {
		err = problem(http.StatusConflict, "insufficient_funds", "User %s has less than %d UZS.", order.UserID, order.Total)
	}
	return order, err
}

// writing is a transaction that writes. Others who write come first for a while: that is nobody's mistake, and passes.
func (w *Wallet) writing(out http.ResponseWriter, r *http.Request, work func(*sql.Tx) error) error {
	err := inTransaction(r.Context(), w.db, work)
	if isBusy(err) {
		out.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "busy", "Too many write at this moment.")
	}
	return err
}

// changed tells whether the statement found a row to change.
func changed(tx *sql.Tx, statement string, args ...any) (bool, error) {
	done, err := tx.Exec(statement, args...)
	if err != nil {
		return false, err
	}
	count, err := done.RowsAffected()
	return count > 0, err
}

const findBalance = "SELECT balance FROM users WHERE id = ?"

func balanceOf(row *sql.Row, user string) (balance int64, err error) {
	err = row.Scan(&balance)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, problem(http.StatusNotFound, "unknown_user", "There is no user %s.", user)
	}
	return balance, err
}

// subjectOf is whom or what a path is about: /users/{id}/deposit, /orders/{id}/pay.
func subjectOf(r *http.Request) string { return strings.Split(r.URL.Path, "/")[2] }
