package main

import (
	"context"
	"database/sql"
	"errors"
)

const schema = `CREATE TABLE IF NOT EXISTS routes (prefix TEXT PRIMARY KEY, target TEXT NOT NULL)`

// A Turn says who answers from now on.
type Turn struct {
	Prefix string `json:"prefix"`
	Target string `json:"target"`
}

// Routes is the routing table: for a prefix, a target. It is kept, because a restart must not send customers back.
type Routes struct{ db *sql.DB }

// Get tells the target of a prefix. One that nobody has set leads to the monolith.
func (t *Routes) Get(ctx context.Context, prefix string) (string, error) {
	target := "legacy"
	err := t.db.QueryRowContext(ctx, "SELECT target FROM routes WHERE prefix = ?", prefix).Scan(&target)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return target, err
}

func (t *Routes) Put(ctx context.Context, prefix, target string) error {
	return inTransaction(ctx, t.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT OR REPLACE INTO routes (prefix, target) VALUES (?, ?)", prefix, target)
		return err
	})
}
