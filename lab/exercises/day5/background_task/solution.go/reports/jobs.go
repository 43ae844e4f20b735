package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math/rand"
	"net/http"
	"time"
)

// schema is the jobs' table, which is the queue, too. A job is due (Unix, in milliseconds) when somebody may take it: at
// once, after a pause, or, while it is running, when its worker has not been heard of for so long that it must be dead. The
// clock of the wall is right, for once: the other instance and the next process read it, too.
const schema = `
CREATE TABLE IF NOT EXISTS jobs (
	id       TEXT PRIMARY KEY,
	user_id  TEXT NOT NULL,
	status   TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	finished INTEGER,
	result   TEXT,
	fallback INTEGER NOT NULL,
	error    TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs (status, due);
CREATE INDEX IF NOT EXISTS jobs_by_user ON jobs (user_id)`

type Job struct {
	ID       string          `json:"-"`
	UserID   string          `json:"-"`
	Status   string          `json:"status"`
	Attempts int             `json:"attempts"`
	Result   json.RawMessage `json:"result"`
	Fallback bool            `json:"fallback"`
	Error    *string         `json:"error"`
}

// A Claim is a job that is ours for one attempt.
type Claim struct {
	JobID, UserID string
	Attempt       int
}

// Jobs is a queue that every instance works off. Each step is one transaction, so that a crash leaves a job where somebody
// finds it.
type Jobs struct {
	db          *sql.DB
	attempts    int
	base, lease time.Duration
}

// Add returns the id of a new job.
func (j *Jobs) Add(ctx context.Context, userID string) (string, error) {
	id := newID()
	err := inTransaction(ctx, j.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO jobs (id, user_id, status, attempts, due, fallback) VALUES (?, ?, 'queued', 0, ?, 0)",
			id, userID, time.Now().UnixMilli())
		return err
	})
	return id, err
}

func (j *Jobs) Find(ctx context.Context, id string) (Job, error) {
	job := Job{ID: id}
	var result []byte
	row := j.db.QueryRowContext(ctx, "SELECT user_id, status, attempts, result, fallback, error FROM jobs WHERE id = ?", id)
	err := row.Scan(&job.UserID, &job.Status, &job.Attempts, &result, &job.Fallback, &job.Error)
	if errors.Is(err, sql.ErrNoRows) {
		return job, problem(http.StatusNotFound, "unknown_job", "There is no job %s.", id)
	}
	job.Result = result
	return job, err
}

// Again queues a job with all its attempts, if it has failed.
func (j *Jobs) Again(ctx context.Context, id string) (queued bool, err error) {
	err = inTransaction(ctx, j.db, func(tx *sql.Tx) error {
		done, err := tx.Exec(`UPDATE jobs SET status = 'queued', attempts = 0, due = ?, error = NULL, finished = NULL
			WHERE id = ? AND status = 'failed'`, time.Now().UnixMilli(), id)
		if err != nil {
			return err
		}
		changed, err := done.RowsAffected()
		queued = changed == 1
		return err
	})
	return queued, err
}

const due = "FROM jobs WHERE status IN ('queued', 'running') AND due <= ? ORDER BY due LIMIT 1"

// Claim takes the job that has waited longest of those that are due, ours until the lease ends; nil, if there is none.
// Nobody else gets it: the transaction that finds it is the one that marks it.
func (j *Jobs) Claim(ctx context.Context) (claim *Claim, err error) {
	now := time.Now()
	var id string
	err = j.db.QueryRowContext(ctx, "SELECT id "+due, now.UnixMilli()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil // only where there is something is it worth to wait for the lock
	}
	if err != nil {
		return nil, err
	}
	err = inTransaction(ctx, j.db, func(tx *sql.Tx) error {
		var found Claim
		err := tx.QueryRow("SELECT id, user_id, attempts "+due, now.UnixMilli()).Scan(&found.JobID, &found.UserID, &found.Attempt)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if found.Attempt >= j.attempts { // whoever made the last attempt died of it, or with it
			return conclude(tx, found, "the last attempt was broken off")
		}
		found.Attempt++
		claim = &found
		_, err = tx.Exec("UPDATE jobs SET status = 'running', attempts = ?, due = ? WHERE id = ?",
			found.Attempt, time.Now().Add(j.lease).UnixMilli(), found.JobID)
		return err
	})
	return claim, err
}

func (j *Jobs) Succeed(ctx context.Context, claim Claim, result json.RawMessage) error {
	return j.settle(ctx, claim, func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE jobs SET status = 'succeeded', result = ?, finished = ? WHERE id = ?",
			string(result), time.Now().UnixMilli(), claim.JobID)
		return err
	})
}

// Fail: there is another attempt after a pause, or it was the last.
func (j *Jobs) Fail(ctx context.Context, claim Claim, why string, final bool) error {
	return j.settle(ctx, claim, func(tx *sql.Tx) error {
		if final || claim.Attempt >= j.attempts {
			return conclude(tx, claim, why)
		}
		pause := time.Duration(rand.Float64() * float64(j.base) * float64(int(1)<<(claim.Attempt-1)))
		_, err := tx.Exec("UPDATE jobs SET status = 'queued', due = ?, error = ? WHERE id = ?",
			time.Now().Add(pause).UnixMilli(), why, claim.JobID)
		return err
	})
}

// settle works on the job, unless our lease ended and somebody else has taken it over.
func (j *Jobs) settle(ctx context.Context, claim Claim, work func(*sql.Tx) error) error {
	return inTransaction(ctx, j.db, func(tx *sql.Tx) error {
		var ours bool
		err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ? AND status = 'running' AND attempts = ?)",
			claim.JobID, claim.Attempt).Scan(&ours)
		if err != nil || !ours {
			return err
		}
		return work(tx)
	})
}

// conclude: an older report of the same user is better than none, if one says that it is old.
func conclude(tx *sql.Tx, claim Claim, why string) error {
	var older sql.NullString
	err := tx.QueryRow(`SELECT result FROM jobs WHERE user_id = ? AND status = 'succeeded' AND NOT fallback
		ORDER BY finished DESC LIMIT 1`, claim.UserID).Scan(&older)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	status := "failed"
	if older.Valid {
		status = "succeeded"
	}
	_, err = tx.Exec("UPDATE jobs SET status = ?, fallback = ?, result = ?, error = ?, finished = ? WHERE id = ?",
		status, older.Valid, older, why, time.Now().UnixMilli(), claim.JobID)
	return err
}
