// Orders on Go's standard library: a channel for the places, a text for each cart to which lines are appended, and a count
// for each user and window of the clock.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
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

type item struct {
	ID  string `json:"id"`
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

func number(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func problem(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

type orders struct {
	redis         *Redis
	http          *http.Client
	places        chan struct{}
	limit, window int
}

func (o *orders) work(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/jobs/")
	o.places <- struct{}{}
	said, err := o.http.Get(os.Getenv("ORIGIN_URL") + "/rows/jobs/" + url.PathEscape(id))
	var row struct {
		ID      string `json:"id"`
		Minutes int    `json:"minutes"`
	}
	if err == nil {
		err = json.NewDecoder(said.Body).Decode(&row)
		said.Body.Close()
	}
	<-o.places
	if err != nil {
		problem(w, 503, "origin_unavailable")
		return
	}
	row.ID = id
	answer(w, 200, row)
}

func (o *orders) cart(w http.ResponseWriter, r *http.Request) {
	id, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/carts/"), "/")
	key := "cart/" + id
	switch {
	case r.Method == http.MethodPost && last == "items":
		var put item
		if err := json.NewDecoder(r.Body).Decode(&put); err != nil || put.SKU == "" || put.Qty < 1 {
			problem(w, 400, "invalid_item")
			return
		}
		random := make([]byte, 12)
		rand.Read(random)
		put.ID = hex.EncodeToString(random)
		line, _ := json.Marshal(put)
		if _, err := o.redis.do("APPEND", key, string(line)+"\n"); err != nil {
			problem(w, 503, "redis_unavailable")
			return
		}
		answer(w, 201, put)
	case r.Method == http.MethodGet && last == "":
		text, err := o.redis.do("GET", key)
		if err != nil {
			problem(w, 503, "redis_unavailable")
			return
		}
		if text == nil {
			problem(w, 404, "unknown_cart")
			return
		}
		items := []json.RawMessage{}
		for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
			items = append(items, line)
		}
		answer(w, 200, map[string]any{"id": id, "items": items})
	default:
		problem(w, 405, "method_not_allowed")
	}
}

func (o *orders) limited(w http.ResponseWriter, r *http.Request) {
	now := time.Now().UnixMilli()
	length := int64(o.window) * 1000
	key := fmt.Sprintf("limit/%s/%d", url.QueryEscape(r.Header.Get("X-User")), now/length)
	text, err := o.redis.do("INCR", key)
	if err == nil {
		// Anew each time, and it does no harm: the next window has another key.
		_, err = o.redis.do("EXPIRE", key, strconv.Itoa(2*o.window))
	}
	count, _ := strconv.Atoi(string(text))
	switch {
	case err != nil:
		problem(w, 503, "redis_unavailable")
	case count > o.limit:
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(length-now%length)/1000))))
		problem(w, 429, "rate_limited")
	default:
		answer(w, 200, map[string]any{})
	}
}

func main() {
	o := &orders{
		redis:  NewRedis(os.Getenv("REDIS_URL"), 2*time.Second),
		http:   &http.Client{Timeout: time.Duration(number("HTTP_TIMEOUT_MS", 2000)) * time.Millisecond},
		places: make(chan struct{}, number("MAX_INFLIGHT", 4)),
		limit:  number("RATE_LIMIT", 10), window: number("RATE_WINDOW_S", 10),
	}
	ready := func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, map[string]string{"status": "ready"}) }
	routes := http.NewServeMux()
	routes.HandleFunc("/jobs/", o.work)
	routes.HandleFunc("/carts/", o.cart)
	routes.HandleFunc("/limited", o.limited)
	routes.HandleFunc("/healthz", ready)
	routes.HandleFunc("/readyz", ready)
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
