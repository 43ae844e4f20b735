package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// ErrUnavailable: no answer that we can use. It is too late, cut off, a 5xx, or not what was agreed.
var ErrUnavailable = errors.New("unavailable")

// Upstream is one service behind us. It is asked once, with a limit on the wait.
type Upstream struct {
	Name   string
	url    string
	client http.Client
}

// NewUpstream: patience is how many times HTTP_TIMEOUT_MS an answer may take.
func NewUpstream(name, variable string, patience int) *Upstream {
	address := os.Getenv(variable)
	if address == "" {
		fmt.Fprintf(os.Stderr, "cannot start: %s is not set\n", variable)
		os.Exit(2)
	}
	milliseconds, err := strconv.Atoi(os.Getenv("HTTP_TIMEOUT_MS"))
	if err != nil {
		milliseconds = 2000
	}
	timeout := time.Duration(patience*milliseconds) * time.Millisecond // of the whole answer, its last byte included
	return &Upstream{Name: name, url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout}}
}

// Ask returns the status and the JSON object of an answer below 500, or ErrUnavailable.
func (u *Upstream) Ask(ctx context.Context, method, path string, body any) (status int, found json.RawMessage, err error) {
	// TODO: who called whom, and how it ended, is known here and nowhere else.
	return u.ask(method, path, body, http.Header{})
}

// ask is not broken off when the visitor leaves: how it ends says something about the service behind us.
func (u *Upstream) ask(method, path string, body any, header http.Header) (int, json.RawMessage, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		sent = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	request, err := http.NewRequest(method, u.url+path, sent)
	if err != nil {
		return 0, nil, err
	}
	request.Header = header
	answer, err := u.client.Do(request)
	if err != nil {
		return 0, nil, unanswered(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, unanswered(err)
	}
	if answer.StatusCode >= 500 {
		return 0, nil, fmt.Errorf("%w: status %d", ErrUnavailable, answer.StatusCode)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || object == nil {
		return 0, nil, fmt.Errorf("%w: an answer that cannot be read", ErrUnavailable)
	}
	return answer.StatusCode, text, nil
}

// unanswered leaves the address out: nobody needs to read it in our log.
func unanswered(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	if os.IsTimeout(err) {
		return fmt.Errorf("%w: no answer in time", ErrUnavailable)
	}
	return fmt.Errorf("%w: %v", ErrUnavailable, err)
}
