package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Asking a service behind us. From the outside in: retry, breaker, timeout, call. An open breaker ends the retry.

// Knobs are what the environment says of calls. Attempts counts the first one, too; Total is over all of them.
type Knobs struct {
	Timeout, Total   time.Duration
	Attempts         int
	Base, Cap, Reset time.Duration
	Failures         int
}

func readKnobs() Knobs {
	rand.Seed(time.Now().UnixNano()) // before Go 1.20 every process draws the same numbers: no jitter between them
	return Knobs{
		Timeout:  envMillis("HTTP_TIMEOUT_MS", 2000),
		Total:    envMillis("TOTAL_TIMEOUT_MS", 8000),
		Attempts: envInt("RETRY_ATTEMPTS", 4),
		Base:     envMillis("RETRY_BASE_MS", 200),
		Cap:      envMillis("RETRY_CAP_MS", 3000),
		Failures: envInt("BREAKER_FAILURES", 5),
		Reset:    envMillis("BREAKER_RESET_MS", 2000),
	}
}

// Upstream is one service behind us. /readyz tells how the last call ended, and so calls nobody itself.
type Upstream struct {
	Name    string
	url     string
	knobs   Knobs
	client  http.Client
	breaker *Breaker

	mu      sync.Mutex
	trouble string
}

func NewUpstream(name, address string, knobs Knobs) *Upstream {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = 20
	u := &Upstream{Name: name, url: strings.TrimRight(address, "/"), knobs: knobs, client: http.Client{Transport: kept}}
	u.breaker = &Breaker{Failures: knobs.Failures, Reset: knobs.Reset, Probes: 1, OnChange: u.changed}
	figures.Set("breaker_state", float64(Closed), "name", name)
	figures.Add("retries_total", 0, "dependency", name)
	for _, outcome := range []string{"ok", "error"} {
		figures.Add("dependency_requests_total", 0, "dependency", name, "outcome", outcome)
	}
	return u
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Failed is a call that failed. Answer is what came, if anything did.
type Failed struct {
	Kind   string // refused, timeout, 5xx, broken
	Answer *Answer
}

func (f *Failed) Error() string { return f.Kind }

// Ask returns an answer below 500; an error says why there is none. Only a GET is made again: of a POST that failed
// nobody knows whether it was done.
func (u *Upstream) Ask(requestID, method, path string, body any) (*Answer, error) {
	if method == http.MethodGet {
		return u.ask(u.knobs.Attempts, requestID, method, path, body)
	}
	return u.ask(1, requestID, method, path, body)
}

// AskOnce is for what is not worth waiting for.
func (u *Upstream) AskOnce(requestID, path string) (*Answer, error) {
	return u.ask(1, requestID, http.MethodGet, path, nil)
}

func (u *Upstream) ask(attempts int, requestID, method, path string, body any) (*Answer, error) {
	giveUpAt := time.Now().Add(u.knobs.Total)
	for attempt := 1; ; attempt++ {
		answer, err := u.attempt(giveUpAt, requestID, method, path, body)
		if err == nil && answer.Status != http.StatusTooManyRequests {
			return answer, nil
		}
		if errors.Is(err, ErrOpen) {
			return nil, err
		}
		pause := u.pause(attempt)
		if asked := retryAfter(answer); asked > pause {
			pause = asked
		}
		inTime := time.Now().Add(pause).Before(giveUpAt)
		if !passes(answer) || attempt >= attempts || !inTime {
			if answer != nil && answer.Status == http.StatusTooManyRequests {
				return answer, nil
			}
			return nil, err
		}
		figures.Add("retries_total", 1, "dependency", u.Name)
		time.Sleep(pause)
	}
}

// attempt makes one call through the breaker, and counts it by its end. A 429 is no failure: they are well, and have had
// enough of us.
func (u *Upstream) attempt(giveUpAt time.Time, requestID, method, path string, body any) (answer *Answer, err error) {
	err = u.breaker.Call(func() error {
		var failed *Failed
		if answer, failed = u.fetch(giveUpAt, requestID, method, path, body); failed == nil {
			u.ended("ok", "")
			return nil
		}
		answer = failed.Answer
		figures.Add("dependency_failures_total", 1, "dependency", u.Name, "kind", failed.Kind)
		u.ended("error", failed.Kind)
		logLine("warn", u.Name+" does not answer", map[string]any{
			"dependency": u.Name, "reason": failed.Kind, "request_id": requestID,
		})
		return failed
	})
	return answer, err
}

func (u *Upstream) ended(outcome, trouble string) {
	figures.Add("dependency_requests_total", 1, "dependency", u.Name, "outcome", outcome)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.trouble = trouble
}

// fetch has one limit over the whole answer, its last byte included, and never beyond the end of all attempts. It does not
// end with its client: of a call that was broken off nobody could say how it went.
func (u *Upstream) fetch(giveUpAt time.Time, requestID, method, path string, body any) (*Answer, *Failed) {
	until := time.Now().Add(u.knobs.Timeout)
	if giveUpAt.Before(until) {
		until = giveUpAt
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	var content io.Reader = io.MultiReader() // cannot be read twice, so the transport asks once
	if body != nil {
		text, _ := json.Marshal(body)
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, u.url+path, content)
	if err != nil {
		return nil, &Failed{Kind: "broken"}
	}
	request.GetBody = nil // nor a POST twice
	request.Header.Set("X-Request-ID", requestID)
	request.Header.Set("Content-Type", "application/json")
	response, err := u.client.Do(request)
	if err != nil {
		return nil, &Failed{Kind: kindOf(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &Failed{Kind: kindOf(err)}
	}
	answer := &Answer{response.StatusCode, response.Header, text}
	var object map[string]json.RawMessage
	switch {
	case answer.Status >= 500:
		return nil, &Failed{Kind: "5xx", Answer: answer}
	case answer.Status < 300 && (json.Unmarshal(text, &object) != nil || object == nil):
		return nil, &Failed{Kind: "broken"}
	}
	return answer, nil
}

func kindOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	default:
		return "broken"
	}
}

// pause is anything up to a step that doubles ("full jitter"). The cap comes before the dice, or everybody who has reached
// it comes back at the same moment.
func (u *Upstream) pause(attempt int) time.Duration {
	step := math.Min(float64(u.knobs.Cap), float64(u.knobs.Base)*math.Pow(2, float64(attempt-1)))
	return time.Duration(rand.Float64() * step)
}

// passes tells a trouble that may be over the next time; no answer at all is the classic case.
func passes(answer *Answer) bool {
	if answer == nil {
		return true
	}
	status := answer.Status
	return status == 429 || status == 502 || status == 503 || status == 504
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

func (u *Upstream) changed(state State) {
	figures.Set("breaker_state", float64(state), "name", u.Name)
	level := "info"
	if state == Open {
		level = "warn"
	}
	logLine(level, fmt.Sprintf("the breaker of %s is %s", u.Name, state), map[string]any{
		"event": "breaker", "name": u.Name, "state": state.String(),
	})
}

// Check is for /readyz: degraded, and still ready. Taken out of traffic for its neighbour's sake, it could not answer at all.
func (u *Upstream) Check() Check {
	return Check{Name: u.Name, Optional: true, Test: func(context.Context) error {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.trouble == "" {
			return nil
		}
		return errors.New(u.trouble)
	}}
}
