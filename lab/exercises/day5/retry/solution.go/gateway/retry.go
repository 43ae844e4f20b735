package main

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"net/http"
	"strconv"
	"time"
)

// Policy says how often and how long. Attempts counts the first one, too; Total bounds all attempts and pauses together.
type Policy struct {
	Attempts                     int
	Base, Cap, PerAttempt, Total time.Duration
}

// Pause is how long to wait after an attempt (1, 2...): anything up to a step that doubles ("full jitter"). The cap comes
// before the dice. The other way round everybody who has reached it waits equally long, and all come back together.
func (p Policy) Pause(attempt int) time.Duration {
	step := math.Min(float64(p.Cap), float64(p.Base)*math.Pow(2, float64(attempt-1)))
	return time.Duration(rand.Float64() * step)
}

// Retrying makes GET requests by a policy, all of them on one budget.
type Retrying struct {
	Policy Policy
	Budget *Budget
	Client *http.Client
}

// Get returns the first answer that is no trouble, or else a last 429. An error says why there is none.
func (r *Retrying) Get(ctx context.Context, url, requestID string) (*Answer, error) {
	r.Budget.Earn()
	giveUpAt := time.Now().Add(r.Policy.Total)
	ctx, cancel := context.WithDeadline(ctx, giveUpAt)
	defer cancel()
	for attempt := 1; ; attempt++ {
		answer, err := r.attempt(ctx, url, requestID)
		if err == nil && !isTrouble(answer.Status) {
			return answer, nil
		}
		pause := r.Policy.Pause(attempt)
		if asked := retryAfter(answer); asked > pause {
			pause = asked
		}
		inTime := time.Now().Add(pause).Before(giveUpAt)
		if !worthRepeating(answer) || attempt >= r.Policy.Attempts || !inTime || !r.Budget.Spend() {
			return lastWord(answer, err, attempt)
		}
		logLine("info", "trying again", map[string]any{
			"event": "retry", "attempt": attempt, "pause_ms": pause.Milliseconds(), "request_id": requestID,
		})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return lastWord(answer, ctx.Err(), attempt)
		}
	}
}

func (r *Retrying) attempt(ctx context.Context, url, requestID string) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Policy.PerAttempt)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Request-ID", requestID)
	return fetch(r.Client, request)
}

func lastWord(answer *Answer, err error, attempt int) (*Answer, error) {
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w, attempt %d", err, attempt)
	case answer.Status == http.StatusTooManyRequests:
		return answer, nil
	default:
		return nil, fmt.Errorf("status %d, attempt %d", answer.Status, attempt)
	}
}

func isTrouble(status int) bool { return status >= 500 || isPassing(status) }

// isPassing tells a trouble that is likely to pass. Any other answer would be the same the next time.
func isPassing(status int) bool {
	return status == 429 || status == 502 || status == 503 || status == 504
}

// worthRepeating: no answer at all (refused, reset, too late) is the classic case.
func worthRepeating(answer *Answer) bool {
	return answer == nil || isPassing(answer.Status) && answer.Header.Get("X-Should-Retry") != "false"
}

// retryAfter is how long upstream asks us to stay away: given as seconds or as a date, 0 if it does not say.
func retryAfter(answer *Answer) time.Duration {
	if answer == nil {
		return 0
	}
	text := answer.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at)
	}
	return 0
}
