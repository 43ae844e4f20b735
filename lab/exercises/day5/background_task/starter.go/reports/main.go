// Reports has reports made, which takes long. So far the report is made while the client waits.
package main

import (
	"net/http"
	"strings"
)

func main() {
	// Knobs that wait for you: RETRY_ATTEMPTS, RETRY_BASE_MS, JOB_LEASE_S.
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	jobs := &Jobs{db: db}
	client := &ReportClient{
		url:    strings.TrimRight(mustEnv("REPORT_URL"), "/"),
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}

	order := func(w http.ResponseWriter, r *http.Request) error {
		userID, err := userIn(r)
		if err != nil {
			return err
		}
		job := Job{ID: newID(), UserID: userID, Status: "succeeded", Attempts: 1}
		job.Result, err = client.Make(r.Context(), userID, job.ID) // TODO: not while the client waits
		if err != nil {
			why := err.Error()
			job.Status, job.Error = "failed", &why
		}
		if err := jobs.Add(r.Context(), job); err != nil {
			return err
		}
		return accepted(w, job.ID)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		job, err := jobs.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/jobs/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, job)
	}

	// TODO: POST /jobs/{id}/retry
	routes := http.NewServeMux()
	routes.Handle("/reports", methods{http.MethodPost: order})
	routes.Handle("/jobs/", methods{http.MethodGet: show})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}

func userIn(r *http.Request) (string, error) {
	var asked struct {
		UserID string `json:"user_id"`
	}
	if err := read(r, &asked); err != nil {
		return "", err
	}
	if asked.UserID == "" || len(asked.UserID) > 64 {
		return "", invalid("user_id has between 1 and 64 bytes.")
	}
	return asked.UserID, nil
}

func accepted(w http.ResponseWriter, jobID string) error {
	w.Header().Set("Location", "/jobs/"+jobID)
	return reply(w, http.StatusAccepted, map[string]string{"job_id": jobID})
}
