// Reports has reports made in the background: what was promised with a 202 is done, whoever dies meanwhile.
package main

import (
	"math/rand"
	"net/http"
	"strings"
	"time"
)

func main() {
	rand.Seed(time.Now().UnixNano()) // before Go 1.20 every process draws the same numbers
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	jobs := &Jobs{
		db:       db,
		attempts: envInt("RETRY_ATTEMPTS", 4),
		base:     envMillis("RETRY_BASE_MS", 200),
		lease:    envSeconds("JOB_LEASE_S", 3),
	}
	client := &ReportClient{
		url:    strings.TrimRight(mustEnv("REPORT_URL"), "/"),
		client: http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	worker := &Worker{jobs: jobs, client: client}
	defer inBackground(worker.Run)()

	order := func(w http.ResponseWriter, r *http.Request) error {
		userID, err := userIn(r)
		if err != nil {
			return err
		}
		id, err := jobs.Add(r.Context(), userID)
		if err != nil {
			return err
		}
		return accepted(w, id)
	}
	retry := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/retry")
		queued, err := jobs.Again(r.Context(), id)
		if err != nil {
			return err
		}
		if !queued {
			job, err := jobs.Find(r.Context(), id)
			if err != nil {
				return err
			}
			return problem(http.StatusConflict, "job_not_failed", "Job %s is %s.", id, job.Status)
		}
		return accepted(w, id)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		job, err := jobs.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/jobs/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, job)
	}

	routes := http.NewServeMux()
	routes.Handle("/reports", methods{http.MethodPost: order})
	routes.Handle("/jobs/", methods{http.MethodGet: show, http.MethodPost: retry})
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
