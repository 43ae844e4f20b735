// The catalog on Go's standard library. A PUT deletes the copy at once, and once more when no reader that set out
// before it can be on its way any longer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type product struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Price   int64  `json:"price"`
	Version int64  `json:"version"`
}

var errUnavailable = errors.New("the origin cannot be asked")

type catalog struct {
	rows        string
	redis       *Redis
	http        *http.Client
	ttl, negTTL time.Duration
	timeout     time.Duration
}

func seconds(name string, fallback float64) time.Duration {
	if n, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
		fallback = n
	}
	return time.Duration(fallback * float64(time.Second))
}

func logLine(level, message string, err error) {
	line, _ := json.Marshal(map[string]any{
		"ts": time.Now().UTC().Format(time.RFC3339Nano), "level": level, "service": "catalog",
		"msg": fmt.Sprintf("%s: %v", message, err),
	})
	fmt.Println(string(line))
}

func parse(body []byte) (*product, error) {
	var row product
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&row); err != nil {
		return nil, err
	}
	if row.ID == "" || row.Version == 0 {
		return nil, errors.New("not a product")
	}
	return &row, nil
}

// ask gives nil without an error if there is no such product.
func (c *catalog) ask(method, id string, row any) (*product, error) {
	var body io.Reader
	if row != nil {
		text, _ := json.Marshal(row)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.rows+url.PathEscape(id), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, errUnavailable
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, errUnavailable
	case answer.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return nil, nil
	case answer.StatusCode != http.StatusOK:
		return nil, errUnavailable
	}
	found, err := parse(text)
	if err != nil {
		return nil, errUnavailable
	}
	return found, nil
}

func key(id string) string { return "catalog:product:" + id }

// cached gives the copy, and whether there was one: a nil product is one that is known to be missing.
func (c *catalog) cached(id string) (*product, bool) {
	text, err := c.redis.Get(key(id))
	if err != nil || text == nil {
		if err != nil {
			logLine("warn", "no use of the copy", err)
		}
		return nil, false
	}
	if string(text) == "null" {
		return nil, true
	}
	found, err := parse(text)
	return found, err == nil
}

func (c *catalog) keep(id string, found *product) {
	text, _ := json.Marshal(found)
	ttl := c.negTTL
	if found != nil {
		ttl = time.Duration(float64(c.ttl) * (0.75 + rand.Float64()/2))
	}
	if err := c.redis.Set(key(id), text, ttl); err != nil {
		logLine("warn", "no copy is left", err)
	}
}

func (c *catalog) forget(id string) {
	if err := c.redis.Del(key(id)); err != nil {
		logLine("warn", "the copy may be old", err)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func (c *catalog) show(w http.ResponseWriter, id string) {
	found, hit := c.cached(id)
	w.Header().Set("X-Cache", "hit")
	if !hit {
		w.Header().Set("X-Cache", "miss")
		var err error
		if found, err = c.ask(http.MethodGet, id, nil); err != nil {
			problem(w, http.StatusServiceUnavailable, "origin_unavailable")
			return
		}
		c.keep(id, found)
	}
	if found == nil {
		problem(w, http.StatusNotFound, "unknown_product")
		return
	}
	answer(w, http.StatusOK, found)
}

func (c *catalog) change(w http.ResponseWriter, r *http.Request, id string) {
	var row struct {
		ID    string  `json:"id"`
		Name  *string `json:"name"`
		Price *int64  `json:"price"`
	}
	if err := json.NewDecoder(r.Body).Decode(&row); err != nil || row.Name == nil || row.Price == nil {
		problem(w, http.StatusBadRequest, "invalid_product")
		return
	}
	row.ID = id
	found, err := c.ask(http.MethodPut, id, row)
	c.forget(id)
	time.AfterFunc(c.timeout+300*time.Millisecond, func() { c.forget(id) })
	if err != nil {
		problem(w, http.StatusServiceUnavailable, "origin_unavailable")
		return
	}
	answer(w, http.StatusOK, found)
}

func (c *catalog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	escaped := strings.TrimPrefix(r.URL.EscapedPath(), "/products/")
	id, err := url.PathUnescape(escaped)
	switch {
	case err != nil || id == "":
		problem(w, http.StatusNotFound, "unknown_product")
	case r.Method == http.MethodGet:
		c.show(w, id)
	case r.Method == http.MethodPut:
		c.change(w, r, id)
	default:
		problem(w, http.StatusMethodNotAllowed, "method_not_allowed")
	}
}

func main() {
	rand.Seed(time.Now().UnixNano())
	timeout := seconds("HTTP_TIMEOUT_MS", 2000) / 1000
	c := &catalog{
		rows:    os.Getenv("ORIGIN_URL") + "/rows/products/",
		redis:   NewRedis(os.Getenv("REDIS_URL"), time.Second),
		http:    &http.Client{Timeout: timeout},
		ttl:     seconds("CACHE_TTL_S", 30),
		negTTL:  seconds("NEG_TTL_S", 2),
		timeout: timeout,
	}
	routes := http.NewServeMux()
	routes.Handle("/products/", c)
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]any{"status": "alive"}) })
	routes.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"status": "ready", "checks": map[string]any{}})
	})
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: routes}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		<-asked
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		server.Shutdown(ctx)
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-stopped
}
