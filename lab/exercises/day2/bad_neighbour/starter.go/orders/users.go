package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ErrUnavailable: the users service did not answer, or not as agreed. Whether there is such a user is not known.
var ErrUnavailable = errors.New("users is unavailable")

// Users asks the users service.
type Users struct {
	URL    string
	Client *http.Client
}

// Know tells whether there is this user.
//
// Only a 404 means no. Everything else that is not the agreed answer means that we do not know, and from what we do not
// know we draw no conclusions.
func (u *Users) Know(ctx context.Context, id, requestID string) (bool, error) {
	// TODO: while this waits, somebody waits for us. How long may one question take, and how many may be under way
	// (OUTBOUND_MAX)?
	//
	// The body is empty, and cannot be read twice: a GET without one is repeated by the transport when a kept connection
	// turns out to be dead, and how often users is asked is ours to say.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL+"/users/"+url.PathEscape(id), io.MultiReader())
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := u.Client.Do(request)
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
