// The gateway answers GET /users/{id} by asking the users service, and tries again where that helps.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func main() {
	rand.Seed(time.Now().UnixNano()) // before Go 1.20 every process draws the same numbers: no jitter between them
	policy := Policy{
		Attempts:   envInt("RETRY_ATTEMPTS", 4),
		Base:       envMillis("RETRY_BASE_MS", 200),
		Cap:        envMillis("RETRY_CAP_MS", 3000),
		PerAttempt: envMillis("HTTP_TIMEOUT_MS", 4000),
		Total:      envMillis("TOTAL_TIMEOUT_MS", 8000),
	}
	users := &Retrying{
		Policy: policy,
		Budget: NewBudget(float64(envInt("RETRY_BUDGET", 100))),
		Client: &http.Client{},
	}
	base := strings.TrimRight(mustEnv("USERS_URL"), "/")

	routes := http.NewServeMux()
	routes.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, "/users/")
		answer, err := users.Get(r.Context(), base+"/users/"+url.PathEscape(id), r.Header.Get("X-Request-ID"))
		if err != nil {
			w.Header().Set("X-Should-Retry", "false") // we have tried already: a caller that tries again multiplies
			problem(w, http.StatusServiceUnavailable, "users_unavailable", "users cannot be reached: "+err.Error())
			return
		}
		for _, name := range []string{"Content-Type", "Retry-After"} {
			if value := answer.Header.Get(name); value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(answer.Status)
		w.Write(answer.Body)
	})
	serve(routes)
}

// Answer is a whole answer: what of it is passed on is known only after its last byte has come.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func fetch(client *http.Client, request *http.Request) (*Answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, unwrapURL(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &Answer{response.StatusCode, response.Header, body}, nil
}

// unwrapURL leaves the reason only: the address in a *url.Error is nobody's business outside.
func unwrapURL(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		return inURL.Err
	}
	return err
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
