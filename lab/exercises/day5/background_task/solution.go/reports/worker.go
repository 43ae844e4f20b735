package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	workers = 2
	poll    = 100 * time.Millisecond
	breath  = time.Second
)

// Worker takes job after job off the queue, as long as the process lives. Some goroutines, so that a slow report does not
// hold up all others. Whatever one of them meets, it goes on: a worker that ended silently looks from outside like a queue
// that is only long.
type Worker struct {
	jobs   *Jobs
	client *ReportClient
}

// Run works until ctx is done, and finishes the attempts in hand: an attempt is shorter than a lease.
func (w *Worker) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := 0; i < workers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			w.run(ctx)
		}()
	}
	all.Wait()
}

func (w *Worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		claim, err := w.jobs.Claim(ctx)
		if err == nil && claim != nil {
			err = w.work(*claim)
		}
		switch {
		case err != nil:
			logLine("error", "a worker failed and goes on: "+err.Error(), nil)
			pause(ctx, breath)
		case claim == nil:
			pause(ctx, poll)
		}
	}
}

// work: the job's id is the key. If the answer to an earlier attempt was lost, this one gets the same report.
func (w *Worker) work(claim Claim) error {
	ctx := context.Background() // what has begun is finished, also when we are told to stop
	report, err := w.client.Make(ctx, claim.UserID, claim.JobID)
	if err == nil {
		return w.jobs.Succeed(ctx, claim, report)
	}
	logLine("warn", "job "+claim.JobID+": "+err.Error(), map[string]any{"event": "job", "attempt": claim.Attempt})
	var none *NoReport
	return w.jobs.Fail(ctx, claim, err.Error(), errors.As(err, &none) && none.Final)
}
