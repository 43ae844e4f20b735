package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

type Job struct {
	ID      string `json:"id"`
	Minutes int    `json:"minutes"`
}

// Origin has the jobs. It takes a tenth of a second for each, however many it is asked for.
type Origin struct {
	URL    string
	Client *http.Client
}

// Job is safe for any number of goroutines at the same time.
func (o *Origin) Job(ctx context.Context, id, requestID string) (Job, error) {
	down := problem(http.StatusServiceUnavailable, "origin_unavailable", "The origin cannot be asked just now.")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+"/rows/jobs/"+url.PathEscape(id), nil)
	if err != nil {
		return Job{}, err
	}
	request.Header.Set("X-Request-ID", requestID)
	answer, err := o.Client.Do(request)
	if err != nil {
		return Job{}, down
	}
	defer answer.Body.Close()
	job := Job{}
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&job) != nil {
		return Job{}, down
	}
	job.ID = id
	return job, nil
}
