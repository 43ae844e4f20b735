package chassis

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strings"
)

// What HTTP handlers share: JSON in and out, errors as answers, a handler for each method, ids.

// A Problem is an error that the client is told of, as application/problem+json. Code is for programs, Detail for people.
type Problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return p.Detail }

// Problemf makes a Problem.
func Problemf(status int, code, format string, values ...any) error {
	return &Problem{Status: status, Code: code, Title: http.StatusText(status), Detail: fmt.Sprintf(format, values...)}
}

// A Handler answers, or returns an error: a Problem for the client, anything else for the log.
type Handler func(w http.ResponseWriter, r *http.Request) error

func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	var known *Problem
	if !errors.As(err, &known) {
		LogLine("error", err.Error(), map[string]any{"request_id": r.Header.Get("X-Request-ID"), "path": r.URL.Path})
		unforeseen := Problemf(http.StatusInternalServerError, "internal_error", "Something went wrong here; the log knows more.")
		errors.As(unforeseen, &known)
	}
	write(w, known.Status, "application/problem+json", known)
}

// Methods chooses a handler by the request's method.
type Methods map[string]Handler

func (m Methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	chosen, ok := m[r.Method]
	if !ok {
		chosen = m.refuse
	}
	chosen.ServeHTTP(w, r)
}

func (m Methods) refuse(w http.ResponseWriter, r *http.Request) error {
	allowed := make([]string, 0, len(m))
	for method := range m {
		allowed = append(allowed, method)
	}
	sort.Strings(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return Problemf(http.StatusMethodNotAllowed, "method_not_allowed", "There is no %s here.", r.Method)
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body any) error {
	write(w, status, "application/json", body)
	return nil
}

// write ignores what goes wrong: then the client has left, and nobody is there to be told.
func write(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// Read takes the request's body into a struct.
func Read(r *http.Request, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 2<<20)).Decode(into); err != nil {
		return Invalid("The body cannot be read: %v.", err)
	}
	return nil
}

// Invalid refuses a request that breaks a rule.
func Invalid(format string, values ...any) error {
	return Problemf(http.StatusUnprocessableEntity, "invalid_request", format, values...)
}

// NewID is one that nobody has.
func NewID() string {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err) // no machine that runs us is without randomness
	}
	return hex.EncodeToString(random[:])
}

// IDOf is what follows the first part of the path: /users/{id}.
func IDOf(r *http.Request) string {
	_, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return id
}
