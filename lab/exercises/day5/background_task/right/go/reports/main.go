// Reports with nothing but Go's own library: a book on disk that the instances share, and one goroutine that works.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type desk struct {
	book     *Book
	client   *http.Client
	url      string
	attempts int
	base     time.Duration
	lease    time.Duration
	wake     chan struct{}
}

func main() {
	book, err := OpenBook(strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///") + ".book")
	if err != nil {
		logLine("error", err.Error(), nil)
		os.Exit(1)
	}
	d := &desk{
		book:     book,
		client:   &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
		url:      mustEnv("REPORT_URL") + "/reports",
		attempts: envInt("RETRY_ATTEMPTS", 4),
		base:     envMillis("RETRY_BASE_MS", 200),
		lease:    time.Duration(envInt("JOB_LEASE_S", 3)) * time.Second,
		wake:     make(chan struct{}, 1),
	}
	go d.work()
	routes := http.NewServeMux()
	routes.HandleFunc("/reports", d.order)
	routes.HandleFunc("/jobs/", d.job)
	serve(routes)
}

func (d *desk) order(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		UserID string `json:"user_id"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&sent) != nil || sent.UserID == "" {
		problem(w, 400, "invalid_request")
		return
	}
	job := Job{ID: newID(), User: sent.UserID, Status: "queued", Next: time.Now()}
	if err := d.book.Update(func() *Job { return &job }); err != nil {
		problem(w, 500, "internal")
		return
	}
	d.accepted(w, job.ID)
}

func (d *desk) accepted(w http.ResponseWriter, id string) {
	select {
	case d.wake <- struct{}{}:
	default:
	}
	w.Header().Set("Location", "/jobs/"+id)
	write(w, 202, map[string]any{"job_id": id})
}

func (d *desk) job(w http.ResponseWriter, r *http.Request) {
	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/")
	var job Job
	var there, queued bool
	err := d.book.Update(func() *Job {
		job, there = d.book.jobs[id]
		if r.Method != http.MethodPost || action != "retry" || job.Status != "failed" {
			return nil
		}
		queued = true
		job.Status, job.Attempts, job.Error, job.Next = "queued", 0, "", time.Now()
		return &job
	})
	switch {
	case err != nil:
		problem(w, 500, "internal")
	case !there:
		problem(w, 404, "unknown_job")
	case queued:
		d.accepted(w, id)
	case action == "retry":
		problem(w, 409, "job_not_failed")
	default:
		shown := map[string]any{
			"status": job.Status, "attempts": job.Attempts, "result": job.Result, "fallback": job.Fallback, "error": nil,
		}
		if job.Error != "" {
			shown["error"] = job.Error
		}
		write(w, 200, shown)
	}
}

// work does one job after the other, as long as the process lives.
func (d *desk) work() {
	for {
		job, err := d.take()
		if err != nil {
			logLine("error", err.Error(), nil)
		}
		if job == nil {
			select {
			case <-d.wake:
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		report, final, err := d.make(job)
		if err := d.put(job, report, final, err); err != nil {
			logLine("error", err.Error(), map[string]any{"job": job.ID})
		}
	}
}

func (d *desk) take() (*Job, error) {
	var taken *Job
	err := d.book.Update(func() *Job {
		for _, id := range d.book.order {
			job := d.book.jobs[id]
			if (job.Status == "queued" || job.Status == "running") && !job.Next.After(time.Now()) {
				job.Status, job.Next = "running", time.Now().Add(d.lease)
				job.Attempts++
				job.Total++
				taken = &job
				return taken
			}
		}
		return nil
	})
	return taken, err
}

func (d *desk) make(job *Job) (report json.RawMessage, final bool, err error) {
	body, _ := json.Marshal(map[string]string{"user_id": job.User})
	request, err := http.NewRequest(http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, true, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", job.ID)
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, false, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, false, err
	}
	code := answer.StatusCode
	if code/100 != 2 {
		return nil, code/100 == 4 && code != 429, fmt.Errorf("report answered %d", code)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return nil, false, fmt.Errorf("report answered no JSON object")
	}
	return text, false, nil
}

// put writes down what came of an attempt, unless somebody else has taken the job over.
func (d *desk) put(job *Job, report json.RawMessage, final bool, failure error) error {
	return d.book.Update(func() *Job {
		now := d.book.jobs[job.ID]
		if now.Status != "running" || now.Total != job.Total {
			return nil
		}
		if failure == nil {
			now.Status, now.Result = "succeeded", report
			return &now
		}
		now.Error = failure.Error()
		if !final && now.Attempts < d.attempts {
			now.Status, now.Next = "queued", time.Now().Add(d.base<<(now.Attempts-1))
			return &now
		}
		now.Status = "failed"
		if older, there := d.book.last[now.User]; there {
			now.Status, now.Fallback, now.Result = "succeeded", true, older
		}
		return &now
	})
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}

func newID() string {
	var random [12]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}
