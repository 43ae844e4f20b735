package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"net/http"
	"time"
)

// keysSchema: one row is one request, however often it is sent. A key is its user's own: two users may well choose the same
// one. The order's id is drawn before anything is done, so that every attempt is about the same order. As long as there is
// no status, somebody works on it until leased_until, or did and was broken off. Times are Unix, in milliseconds: the other
// instance and the next process read them, too.
const keysSchema = `
CREATE TABLE IF NOT EXISTS idempotency_keys (
	user_id      TEXT NOT NULL,
	key          TEXT NOT NULL,
	fingerprint  TEXT NOT NULL,
	order_id     TEXT NOT NULL,
	leased_until INTEGER NOT NULL,
	expires      INTEGER NOT NULL,
	status       INTEGER,
	body         TEXT NOT NULL,
	PRIMARY KEY (user_id, key)
);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_end ON idempotency_keys (expires);`

// An Answer is as it goes out, to the byte.
type Answer struct {
	Status int
	Body   string
}

// A Turn: it is ours to do the work, about this order.
type Turn struct{ UserID, Key, OrderID string }

// Keys is the memory of what was asked under each key, and what was answered.
//
// It would be right without the lease, too: the order's id is drawn once and is the provider's key, so two who work on one
// request make one charge, and the first answer that is written is the answer. The lease only saves them the double work.
type Keys struct {
	db         *sql.DB
	ttl, lease time.Duration
}

// Begin returns the answer, if there is one, or else our turn to find it. A Problem: the key belongs to other content, or
// somebody else is at it.
func (k *Keys) Begin(ctx context.Context, userID, key string, content []byte) (answer *Answer, turn Turn, err error) {
	now := time.Now()
	sum := sha256.Sum256(content)
	fingerprint := hex.EncodeToString(sum[:])
	turn = Turn{UserID: userID, Key: key}
	err = inTransaction(ctx, k.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM idempotency_keys WHERE expires < ? AND leased_until < ?", now.UnixMilli(), now.UnixMilli())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO idempotency_keys (user_id, key, fingerprint, order_id, leased_until, expires, body)
			VALUES (?, ?, ?, ?, 0, ?, '') ON CONFLICT DO NOTHING`,
			userID, key, fingerprint, newID(), now.Add(k.ttl).UnixMilli())
		if err != nil {
			return err
		}
		var known string
		var leasedUntil int64
		row := tx.QueryRow("SELECT fingerprint, order_id, leased_until FROM idempotency_keys WHERE user_id = ? AND key = ?",
			userID, key)
		if err := row.Scan(&known, &turn.OrderID, &leasedUntil); err != nil {
			return err
		}
		if known != fingerprint {
			return problem(http.StatusUnprocessableEntity, "idempotency_key_reused",
				"This Idempotency-Key belongs to another request.")
		}
		if answer, err = given(tx, turn); answer != nil || err != nil {
			return err
		}
		if leasedUntil > now.UnixMilli() {
			return problem(http.StatusConflict, "request_in_progress", "Somebody works on it.")
		}
		return lease(tx, turn, now.Add(k.lease))
	})
	return answer, turn, err
}

// Finish writes down the answer and, in the same transaction, what goes with it. Whoever was faster has the last word.
func (k *Keys) Finish(ctx context.Context, turn Turn, answer Answer, with func(*sql.Tx) error) (Answer, error) {
	err := inTransaction(ctx, k.db, func(tx *sql.Tx) error {
		faster, err := given(tx, turn)
		if err != nil {
			return err
		}
		if faster != nil {
			answer = *faster
			return nil
		}
		if err := with(tx); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE idempotency_keys SET status = ?, body = ?, expires = ? WHERE user_id = ? AND key = ?",
			answer.Status, answer.Body, time.Now().Add(k.ttl).UnixMilli(), turn.UserID, turn.Key)
		return err
	})
	return answer, err
}

// GiveUp: nobody knows what came of it. Whoever asks next goes on at once, with the same order.
func (k *Keys) GiveUp(ctx context.Context, turn Turn) error {
	return inTransaction(ctx, k.db, func(tx *sql.Tx) error { return lease(tx, turn, time.UnixMilli(0)) })
}

func lease(tx *sql.Tx, turn Turn, until time.Time) error {
	_, err := tx.Exec("UPDATE idempotency_keys SET leased_until = ? WHERE user_id = ? AND key = ?",
		until.UnixMilli(), turn.UserID, turn.Key)
	return err
}

// given is the answer that stands under the key; nil, if there is none yet.
func given(tx *sql.Tx, turn Turn) (*Answer, error) {
	var status sql.NullInt64
	var answer Answer
	row := tx.QueryRow("SELECT status, body FROM idempotency_keys WHERE user_id = ? AND key = ?", turn.UserID, turn.Key)
	if err := row.Scan(&status, &answer.Body); err != nil || !status.Valid {
		return nil, err
	}
	answer.Status = int(status.Int64)
	return &answer, nil
}
