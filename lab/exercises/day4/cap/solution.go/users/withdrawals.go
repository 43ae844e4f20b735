package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"time"
)

// withdrawalsSchema: money that was taken, under the key of whoever asked for it. The balance is what was left.
const withdrawalsSchema = `
CREATE TABLE IF NOT EXISTS withdrawals (
	user_id TEXT NOT NULL,
	key     TEXT NOT NULL,
	id      TEXT NOT NULL,
	amount  INTEGER NOT NULL,
	balance INTEGER NOT NULL,
	PRIMARY KEY (user_id, key)
);`

type Withdrawal struct {
	ID      string `json:"id"`
	UserID  string `json:"user_id"`
	Amount  int64  `json:"amount"`
	Balance int64  `json:"balance"`
}

// Wish is a withdrawal that is asked for. Deadline is the zero time if whoever asks waits for ever.
type Wish struct {
	UserID, Key, RequestID string
	Amount                 int64
	Deadline               time.Time
}

func wishOf(r *http.Request, userID string) (Wish, error) {
	wish := Wish{UserID: userID, Key: r.Header.Get("Idempotency-Key"), RequestID: r.Header.Get("X-Request-ID")}
	if wish.Key == "" {
		return wish, problem(http.StatusBadRequest, "idempotency_key_missing", "A withdrawal needs an Idempotency-Key.")
	}
	if text := r.Header.Get("X-Deadline"); text != "" {
		var err error
		if wish.Deadline, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return wish, invalid("X-Deadline %q is no time.", text)
		}
	}
	var body struct {
		Amount int64 `json:"amount"`
	}
	if err := read(r, &body); err != nil {
		return wish, err
	}
	if body.Amount <= 0 {
		return wish, invalid("amount is more than 0.")
	}
	wish.Amount = body.Amount
	return wish, nil
}

// Withdraw takes the money once for each key, and not after the deadline: then whoever asked has already been told that it
// failed.
func (u *Users) Withdraw(ctx context.Context, wish Wish) (done Withdrawal, err error) {
	err = inTransaction(ctx, u.db, func(tx *sql.Tx) error {
		user, err := find(tx.QueryRow(findUser, wish.UserID), wish.UserID)
		if err != nil {
			return err
		}
		done = Withdrawal{UserID: wish.UserID}
		err = tx.QueryRow("SELECT id, amount, balance FROM withdrawals WHERE user_id = ? AND key = ?", wish.UserID, wish.Key).
			Scan(&done.ID, &done.Amount, &done.Balance)
		if !errors.Is(err, sql.ErrNoRows) {
			return err // or nil: it was done before
		}
		// Asked in here: it may have taken its time until the lock was ours.
		if !wish.Deadline.IsZero() && time.Now().After(wish.Deadline) {
			return problem(http.StatusConflict, "too_late", "Nobody waits for this withdrawal any more.")
		}
		done, err = u.take(tx, user, wish)
		return err
	})
	return done, err
}

func (u *Users) take(tx *sql.Tx, user User, wish Wish) (Withdrawal, error) {
	if user.Balance < wish.Amount {
		return Withdrawal{}, problem(http.StatusConflict, "insufficient_funds",
			"%s has %d, which is less than %d.", user.ID, user.Balance, wish.Amount)
	}
	user.Balance -= wish.Amount
	user.Version++
	done := Withdrawal{ID: newID(), UserID: user.ID, Amount: wish.Amount, Balance: user.Balance}
	_, err := tx.Exec("INSERT INTO withdrawals (user_id, key, id, amount, balance) VALUES (?, ?, ?, ?, ?)",
		done.UserID, wish.Key, done.ID, done.Amount, done.Balance)
	if err != nil {
		return done, err
	}
	return done, u.change(tx, user, wish.RequestID)
}
