package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// ErrUnavailable: the users service did not answer, or not as agreed. Whether there is such a user is not known.
var ErrUnavailable = errors.New("users is unavailable")

// Users is the users service behind a wall: so many calls at once, each so long, and what came of the last one is
// remembered. Nobody waits longer than the timeout; who finds no place waits for one, on the same time.
type Users struct {
	url     string
	client  http.Client
	timeout time.Duration
	places  chan struct{}
	last    atomic.Value // its trouble
}

type trouble struct{ error }

func NewUsers(address string, timeout time.Duration, atOnce int) *Users {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = atOnce
	return &Users{
		url: strings.TrimRight(address, "/"), client: http.Client{Transport: kept},
		timeout: timeout, places: make(chan struct{}, atOnce),
	}
}

// Know tells whether there is this user; ErrUnavailable if nobody can say.
func (u *Users) Know(ctx context.Context, id, requestID string) (bool, error) {
	inTime, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	known, err := u.ask(inTime, id, requestID)
	if ctx.Err() == nil { // or our own client has left, and that is no trouble of users
		u.last.Store(trouble{err})
	}
	return known, err
}

// Check is for /readyz: what was wrong with the last call. It asks nobody: a question of its own would wait, too.
func (u *Users) Check(context.Context) error {
	last, _ := u.last.Load().(trouble)
	return last.error
}

func (u *Users) ask(ctx context.Context, id, requestID string) (bool, error) {
	select {
	case u.places <- struct{}{}:
		defer func() { <-u.places }() // given back however this ends, or they would be gone after a few failures
	case <-ctx.Done():
		return false, fmt.Errorf("%w: too many are asking it already", ErrUnavailable)
	}
	// The body is empty, and cannot be read twice: a GET without one is repeated by the transport when a kept connection
	// turns out to be dead, and how often users is asked is ours to say.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+"/users/"+url.PathEscape(id), io.MultiReader())
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := u.client.Do(request)
	if err != nil {
		return false, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20)) // read to its end, so that the connection can be kept
	switch {
	case err != nil:
		return false, fmt.Errorf("%w: %v", ErrUnavailable, err)
	case answer.StatusCode == http.StatusNotFound:
		return false, nil
	case answer.StatusCode != http.StatusOK || !isUser(body):
		return false, fmt.Errorf("%w: it answered %s %.80q", ErrUnavailable, answer.Status, body)
	}
	return true, nil
}

// isUser tells whether it is what was agreed. Fields that nobody told us of are none of our business.
func isUser(body []byte) bool {
	var user struct {
		ID any `json:"id"`
	}
	return json.Unmarshal(body, &user) == nil && user.ID != nil
}
