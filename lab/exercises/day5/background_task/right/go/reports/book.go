package main

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
	"time"
)

// A Job as it is. Each change of one is a line in the book.
type Job struct {
	ID       string          `json:"id"`
	User     string          `json:"user"`
	Status   string          `json:"status"`
	Attempts int             `json:"attempts"`
	Total    int             `json:"total"` // of all its lives: tells two claims of one job apart
	Next     time.Time       `json:"next"`  // when it may be taken
	Result   json.RawMessage `json:"result,omitempty"`
	Fallback bool            `json:"fallback"`
	Error    string          `json:"error,omitempty"`
}

// A Book is a file that all instances append to, one at a time; each knows what it has read so far.
type Book struct {
	turn  chan struct{}
	file  *os.File
	read  int64
	jobs  map[string]Job
	order []string
	last  map[string]json.RawMessage // the latest report of each user
}

func OpenBook(path string) (*Book, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return &Book{
		turn: make(chan struct{}, 1), file: file, jobs: map[string]Job{}, last: map[string]json.RawMessage{},
	}, err
}

// Update looks at the book and may change one job; nobody else reads or writes meanwhile. It is on disk when this
// returns.
func (b *Book) Update(look func() *Job) error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if err := syscall.Flock(int(b.file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	defer syscall.Flock(int(b.file.Fd()), syscall.LOCK_UN)
	if err := b.catchUp(); err != nil {
		return err
	}
	job := look()
	if job == nil {
		return nil
	}
	line, err := json.Marshal(job)
	if err != nil {
		return err
	}
	// What stands behind the last whole line was written by somebody who died over it.
	if err := b.file.Truncate(b.read); err != nil {
		return err
	}
	if _, err := b.file.WriteAt(append(line, '\n'), b.read); err != nil {
		return err
	}
	if err := b.file.Sync(); err != nil {
		return err
	}
	return b.catchUp()
}

func (b *Book) catchUp() error {
	if _, err := b.file.Seek(b.read, 0); err != nil {
		return err
	}
	for lines := bufio.NewReader(b.file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var job Job
		if err := json.Unmarshal(line, &job); err != nil {
			return err
		}
		if _, known := b.jobs[job.ID]; !known {
			b.order = append(b.order, job.ID)
		}
		b.jobs[job.ID] = job
		if job.Status == "succeeded" && !job.Fallback {
			b.last[job.User] = job.Result
		}
		b.read += int64(len(line))
	}
}
