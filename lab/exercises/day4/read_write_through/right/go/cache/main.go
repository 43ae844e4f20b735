// The layer. Whoever loads a product or writes it holds the lock of that product; a copy is deleted before a write and
// left after it, so that a failure or a crash in between leaves none.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

type product struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Price   int64  `json:"price"`
	Version int64  `json:"version"`
}

var errUnavailable = errors.New("the origin cannot be asked")

type layer struct {
	rows  string
	redis *Redis
	http  *http.Client
	ttl   time.Duration
	locks sync.Map
}

// lock gives the product's mutex. There are as many as there are products, which is not many.
func (l *layer) lock(id string) *sync.Mutex {
	found, _ := l.locks.LoadOrStore(id, &sync.Mutex{})
	return found.(*sync.Mutex)
}

func key(id string) string { return "layer:" + id }

func (l *layer) ask(method, id string, row any) (*product, error) {
	var body io.Reader
	if row != nil {
		text, _ := json.Marshal(row)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, l.rows+url.PathEscape(id), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := l.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errUnavailable, err)
	}
	defer answer.Body.Close()
	var found product
	switch {
	case answer.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return nil, nil
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: it answered %d", errUnavailable, answer.StatusCode)
	case json.NewDecoder(answer.Body).Decode(&found) != nil || found.Version == 0:
		return nil, fmt.Errorf("%w: that is no product", errUnavailable)
	}
	return &found, nil
}

func (l *layer) held(id string) *product {
	text, err := l.redis.Get(key(id))
	if err != nil || text == nil {
		return nil
	}
	var found product
	if json.Unmarshal(text, &found) != nil || found.Version == 0 {
		return nil
	}
	return &found
}

func (l *layer) keep(found *product) {
	text, _ := json.Marshal(found)
	if err := l.redis.Set(key(found.ID), text, l.ttl); err != nil {
		logLine("warn", "no copy is left", map[string]any{"error": err.Error()})
	}
}

func (l *layer) read(id string) (*product, error) {
	if found := l.held(id); found != nil {
		return found, nil
	}
	lock := l.lock(id)
	lock.Lock()
	defer lock.Unlock()
	if found := l.held(id); found != nil {
		return found, nil
	}
	found, err := l.ask(http.MethodGet, id, nil)
	if found != nil {
		l.keep(found)
	}
	return found, err
}

func (l *layer) write(id string, row any) (*product, error) {
	lock := l.lock(id)
	lock.Lock()
	defer lock.Unlock()
	if err := l.redis.Del(key(id)); err != nil {
		return nil, fmt.Errorf("%w: the old copy cannot be deleted: %v", errUnavailable, err)
	}
	found, err := l.ask(http.MethodPut, id, row)
	if err != nil {
		return nil, err
	}
	l.keep(found)
	return found, nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func (l *layer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/cache/products/"))
	if err != nil || id == "" {
		problem(w, http.StatusNotFound, "unknown_product")
		return
	}
	var found *product
	switch r.Method {
	case http.MethodGet:
		found, err = l.read(id)
	case http.MethodPut:
		var row struct {
			ID    string  `json:"id"`
			Name  *string `json:"name"`
			Price *int64  `json:"price"`
		}
		if json.NewDecoder(r.Body).Decode(&row) != nil || row.Name == nil || row.Price == nil {
			problem(w, http.StatusBadRequest, "invalid_product")
			return
		}
		row.ID = id
		found, err = l.write(id, row)
	default:
		problem(w, http.StatusMethodNotAllowed, "method_not_allowed")
		return
	}
	if err != nil {
		logLine("warn", err.Error(), nil)
		problem(w, http.StatusServiceUnavailable, "origin_unavailable")
	} else if found == nil {
		problem(w, http.StatusNotFound, "unknown_product")
	} else {
		answer(w, http.StatusOK, found)
	}
}

func main() {
	routes := http.NewServeMux()
	routes.Handle("/cache/products/", &layer{
		rows:  mustEnv("ORIGIN_URL") + "/rows/products/",
		redis: NewRedis(mustEnv("REDIS_URL"), time.Second),
		http:  &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
		ttl:   time.Duration(envInt("CACHE_TTL_S", 30)) * time.Second,
	})
	serve(routes)
}
