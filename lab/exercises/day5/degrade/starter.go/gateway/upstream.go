package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrNotThere: upstream says that there is none.
	ErrNotThere = errors.New("not there")
	// ErrUnavailable: no answer that we can use. Too late, cut off, 5xx, not what was agreed.
	ErrUnavailable = errors.New("unavailable")
)

// Upstream asks one service behind us, once, with a limit on the wait. Not a word about retries or fallbacks: what the
// lack of an answer means is for the caller to decide.
type Upstream struct {
	url    string
	client http.Client
}

// NewUpstream: the timeout is for the whole answer, its last byte included.
func NewUpstream(address string, timeout time.Duration) *Upstream {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = 20
	return &Upstream{url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout, Transport: kept}}
}

// An Object has its values as they came.
type Object map[string]json.RawMessage

// Get returns the object at path, ErrNotThere or ErrUnavailable.
func (u *Upstream) Get(ctx context.Context, path, requestID string) (Object, error) {
	// The body is empty, and cannot be read twice: a GET without one is repeated by the transport when a kept connection
	// turns out to be dead, and we ask once.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+path, io.MultiReader())
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := u.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrUnavailable, err)
	case answer.StatusCode == http.StatusNotFound:
		return nil, ErrNotThere
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, fmt.Errorf("%w: it answered %s", ErrUnavailable, answer.Status)
	}
	var object Object
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, fmt.Errorf("%w: its answer is no object: %.50q", ErrUnavailable, body)
	}
	return object, nil
}
