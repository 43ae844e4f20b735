package main

import (
	"context"
	"net/http"
	"net/url"
)

// Users asks the users service.
type Users struct {
	URL    string
	Client *http.Client
}

func (u *Users) Exists(ctx context.Context, id, requestID string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.URL+"/users/"+url.PathEscape(id), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", requestID)
	response, err := u.Client.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK, nil
}
