package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
)

// ErrUnavailable: the users service did not answer, or not as agreed. Whether there is such a user is not known.
var ErrUnavailable = errors.New("users is unavailable")

// User is one as users tells of them, as far as we show them.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Users is the users service as its neighbour sees it: questions that are answered, or not, within a time of our choosing.
// The client keeps its connections: opening one for each question costs a round trip each time.
type Users struct {
	url    string
	client http.Client
}

// NewUsers: the timeout is for the whole answer, its last byte included.
func NewUsers(address string, timeout time.Duration) *Users {
	kept := http.DefaultTransport.(*http.Transport).Clone()
	kept.MaxIdleConnsPerHost = 20 // 2, if nobody says so
	return &Users{url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout, Transport: kept}}
}

// Know tells whether there is this user. Only a 404 means no.
func (u *Users) Know(ctx context.Context, id, requestID string) (bool, error) {
	var user struct {
		ID any `json:"id"`
	}
	status, err := u.ask(ctx, "/users/"+url.PathEscape(id), requestID, &user)
	switch {
	case err == nil && status == http.StatusNotFound:
		return false, nil
	case err == nil && (status != http.StatusOK || user.ID == nil):
		err = fmt.Errorf("%w: it answered %d", ErrUnavailable, status)
	}
	return err == nil, err
}

// Named is those of the users that there are, by id: all of them in one question.
func (u *Users) Named(ctx context.Context, ids map[string]bool, requestID string) (map[string]*User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	asked := make([]string, 0, len(ids))
	for id := range ids {
		asked = append(asked, id)
	}
	sort.Strings(asked)
	var said struct {
		Items *[]User `json:"items"` // nil, if there are none in the answer
	}
	status, err := u.ask(ctx, "/users?ids="+url.QueryEscape(strings.Join(asked, ",")), requestID, &said)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK || said.Items == nil {
		return nil, fmt.Errorf("%w: it answered %d", ErrUnavailable, status)
	}
	known := make(map[string]*User, len(*said.Items))
	for i, user := range *said.Items {
		known[user.ID] = &(*said.Items)[i]
	}
	return known, nil
}

// ask reads the body of a 200 into what was agreed. Fields that nobody told us of are none of our business.
func (u *Users) ask(ctx context.Context, path, requestID string, agreed any) (int, error) {
	// The body is empty, and cannot be read twice: a GET without one is repeated by the transport when a kept connection
	// turns out to be dead, and how often users is asked is ours to say.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+path, io.MultiReader())
	if err != nil {
		return 0, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := u.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20)) // read to its end, so that the connection can be kept
	if err != nil {
		return 0, fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	if answer.StatusCode == http.StatusOK && json.Unmarshal(body, agreed) != nil {
		return 0, fmt.Errorf("%w: it answered %.80q", ErrUnavailable, body)
	}
	return answer.StatusCode, nil
}
