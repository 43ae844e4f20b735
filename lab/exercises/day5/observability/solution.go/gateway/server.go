package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// A server of routes, and errors that are answers.

// A Route is "GET" and "/users/{id}", and what answers there: a status and a body, or an error.
type Route struct {
	Method, Path string
	Work         func(*http.Request) (status int, body any, err error)
}

// matches: what stands in the place of {id} is one piece of the path.
func (route Route) matches(path string) bool {
	before, _, anyID := strings.Cut(route.Path, "{id}")
	if !anyID {
		return path == route.Path
	}
	id := strings.TrimPrefix(path, before)
	return id != path && id != "" && !strings.Contains(id, "/")
}

// lastPart of the path is what stands in the place of {id}, still encoded.
func lastPart(r *http.Request) string {
	path := r.URL.EscapedPath()
	return path[strings.LastIndex(path, "/")+1:]
}

// A Problem is an error that the client is told of, as application/problem+json. Code is for programs, Detail for people.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return p.Code }

func problem(status int, code, detail string) error {
	return &Problem{status, code, http.StatusText(status), detail}
}

type server []Route

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	exchange(w, r, func(r *http.Request) (string, int) {
		path, status, body := s.answer(r)
		write(w, status, body)
		return path, status
	})
}

// answer is told with the path of the route that gave it, if there is one.
func (s server) answer(r *http.Request) (path string, status int, body any) {
	err := problem(http.StatusNotFound, "not_found", "Not here.")
	for _, route := range s {
		if !route.matches(r.URL.EscapedPath()) {
			continue
		}
		path = route.Path
		if route.Method != r.Method {
			err = problem(http.StatusMethodNotAllowed, "method_not_allowed", "Not so.")
			continue
		}
		if status, body, err = route.Work(r); err == nil {
			return path, status, body
		}
		break
	}
	var known *Problem
	if !errors.As(err, &known) {
		logLine(r.Context(), "error", "unforeseen error", map[string]any{"error": err.Error()})
		errors.As(problem(http.StatusInternalServerError, "internal_error", "The log knows more."), &known)
	}
	return path, known.Status, known
}

func write(w http.ResponseWriter, status int, body any) {
	if text, plain := body.(string); plain {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, text)
		return
	}
	kind := "application/json"
	if _, bad := body.(*Problem); bad {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// texts are these fields of the JSON object that was sent, each of them a text.
func texts(r *http.Request, names ...string) (map[string]string, error) {
	var sent map[string]json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&sent); err != nil || sent == nil {
		return nil, problem(http.StatusUnprocessableEntity, "invalid_request", "The body is no JSON object.")
	}
	found := map[string]string{}
	for _, name := range names {
		var text *string
		if json.Unmarshal(sent[name], &text) != nil || text == nil {
			return nil, problem(http.StatusUnprocessableEntity, "invalid_request", name+" has to be a text.")
		}
		found[name] = *text
	}
	return found, nil
}

// serve answers on HOST:PORT until SIGTERM or SIGINT, then finishes what is under way.
func serve(routes ...Route) {
	host, port := os.Getenv("HOST"), os.Getenv("PORT")
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "8000"
	}
	listening := &http.Server{Addr: net.JoinHostPort(host, port), Handler: server(routes), ReadHeaderTimeout: 5 * time.Second}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- listening.ListenAndServe() }()
	select {
	case err := <-ended:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case <-asked.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	listening.Shutdown(grace)
}
