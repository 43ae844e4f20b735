package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Upstream is one service behind us, with a breaker of its own: what happens to one says nothing about another.
type Upstream struct {
	URL     string
	Timeout time.Duration
	Breaker *Breaker
}

// Get returns the object at path, nil if there is none. An error means that upstream is unavailable.
func (u *Upstream) Get(path, requestID string) (object map[string]any, err error) {
	err = u.Breaker.Call(func() error {
		object, err = u.fetch(path, requestID)
		return err
	})
	return object, err
}

// fetch has the timeout in it, inside the breaker: a hang must reach it as a failure. Our own client's leaving does not
// end it, or an impatient client would look like a dead upstream.
func (u *Upstream) fetch(path, requestID string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), u.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Request-ID", requestID)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode >= 500:
		return nil, fmt.Errorf("status %d", response.StatusCode)
	case response.StatusCode >= 400:
		return nil, nil // an answer: upstream lives and has looked
	}
	object := map[string]any{}
	return object, json.NewDecoder(response.Body).Decode(&object)
}
