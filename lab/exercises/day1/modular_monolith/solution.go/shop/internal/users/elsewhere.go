package users

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"shop/internal/chassis"
)

// Elsewhere are the users of a process of their own. Who asks does not know that it is not this one.
type Elsewhere struct {
	url    string
	client http.Client
}

func NewElsewhere(address string) *Elsewhere {
	return &Elsewhere{url: strings.TrimRight(address, "/"), client: http.Client{Timeout: 2 * time.Second}}
}

// Know tells whether there is this user. An error: nobody can say just now.
func (e *Elsewhere) Know(ctx context.Context, id string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/users/"+url.PathEscape(id), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", chassis.RequestID(ctx))
	answer, err := e.client.Do(request)
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
