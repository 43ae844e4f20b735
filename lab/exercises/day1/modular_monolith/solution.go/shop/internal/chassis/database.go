package chassis

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

// A database that neither loses updates nor waits for ever: one SQLite file, which all instances of the service share.
//
// What is not left to defaults, and why: with WAL readers do not wait for the writer. With a busy timeout a second writer
// waits its turn instead of failing at once. Each transaction begins IMMEDIATE, with the lock for writing: if it came only
// with the first write, the second of two that read the same would be refused as locked, whatever the timeout says.
const settings = "_journal_mode=WAL&_busy_timeout=5000&_txlock=immediate&_foreign_keys=on&_synchronous=NORMAL"

// OpenDatabase opens what DATABASE_URL names, and creates what there is not yet of the schema.
func OpenDatabase(address, schema string) (*sql.DB, error) {
	file := url.URL{Scheme: "file", Path: strings.TrimPrefix(address, "sqlite:///"), RawQuery: settings}
	db, err := sql.Open("sqlite3", file.String())
	if err != nil {
		return nil, err
	}
	// Of instances that switch to WAL at the same moment SQLite refuses some at once, whatever the timeout says.
	for patience := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err = db.Exec(schema)
		if err == nil || !isBusy(err) || time.Now().After(patience) {
			return db, err
		}
	}
}

// InTransaction commits what work has done: all of it or, if there is an error, nothing.
func InTransaction(ctx context.Context, db *sql.DB, work func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit there is nothing to roll back
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// IsTaken tells an INSERT or UPDATE that a unique key refused.
func IsTaken(err error) bool {
	var refused sqlite3.Error
	return errors.As(err, &refused) &&
		(refused.ExtendedCode == sqlite3.ErrConstraintUnique || refused.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

func isBusy(err error) bool {
	var refused sqlite3.Error
	return errors.As(err, &refused) && refused.Code == sqlite3.ErrBusy
}

// A Querier is the database, or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
