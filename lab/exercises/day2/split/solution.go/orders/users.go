package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Users is the users service as its neighbour sees it: one question, to somebody who may be away or of another release. The
// client connects when it asks, not before: to start, nobody has to be there.
type Users struct {
	url    string
	client http.Client
}

func NewUsers(address string, timeout time.Duration) *Users {
	return &Users{url: strings.TrimRight(address, "/"), client: http.Client{Timeout: timeout}}
}

// Know tells whether there is this user; an error, if nobody can say just now.
//
// The status says it all, so nothing of the body is read: what is not read cannot break us when it changes.
func (u *Users) Know(ctx context.Context, id, requestID string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+"/users/"+url.PathEscape(id), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := u.client.Do(request)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	default:
		return false, fmt.Errorf("users answered %s", answer.Status)
	}
}
