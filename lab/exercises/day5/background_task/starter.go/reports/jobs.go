package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
)

const schema = `
CREATE TABLE IF NOT EXISTS jobs (
	id       TEXT PRIMARY KEY,
	user_id  TEXT NOT NULL,
	status   TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	result   TEXT,
	fallback INTEGER NOT NULL,
	error    TEXT
)`

type Job struct {
	ID       string          `json:"-"`
	UserID   string          `json:"-"`
	Status   string          `json:"status"`
	Attempts int             `json:"attempts"`
	Result   json.RawMessage `json:"result"`
	Fallback bool            `json:"fallback"`
	Error    *string         `json:"error"`
}

type Jobs struct{ db *sql.DB }

func (j *Jobs) Add(ctx context.Context, job Job) error {
	return inTransaction(ctx, j.db, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO jobs (id, user_id, status, attempts, result, fallback, error) VALUES (?, ?, ?, ?, ?, ?, ?)",
			job.ID, job.UserID, job.Status, job.Attempts, job.Result, job.Fallback, job.Error)
		return err
	})
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
