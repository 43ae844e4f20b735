// Orders with nothing but Go's own library. Names are remembered for CACHE_TTL_S seconds, also that there is none.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type item struct {
	SKU   string `json:"sku"`
	Qty   int64  `json:"qty"`
	Price int64  `json:"price"`
}

type order struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Items     []item `json:"items"`
	Total     int64  `json:"total"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

type person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// expanded is an order with its user; nobody is null.
type expanded struct {
	*order
	User *person `json:"user"`
}

var errUnavailable = errors.New("users has not answered as agreed")

// directory asks users and remembers its answers.
type directory struct {
	url     string
	client  *http.Client
	timeout time.Duration
	ttl     time.Duration
	lock    sync.Mutex
	known   map[string]remembered
}

type remembered struct {
	user  *person
	until time.Time
}

func (d *directory) get(ctx context.Context, path, requestID string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-Request-ID", requestID)
	response, err := d.client.Do(request)
	if err != nil {
		return 0, nil, errUnavailable
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, nil, errUnavailable
	}
	return response.StatusCode, body, nil
}

func (d *directory) exists(ctx context.Context, id, requestID string) (bool, error) {
	status, body, err := d.get(ctx, "/users/"+url.PathEscape(id), requestID)
	if err != nil {
		return false, err
	}
	var found person
	switch {
	case status == http.StatusNotFound:
		return false, nil
	case status != http.StatusOK || json.Unmarshal(body, &found) != nil || found.ID != id:
		return false, errUnavailable
	}
	d.remember(id, &found, time.Now())
	return true, nil
}

func (d *directory) remember(id string, who *person, asked time.Time) {
	d.lock.Lock()
	defer d.lock.Unlock()
	if len(d.known) > 10_000 {
		d.known = map[string]remembered{}
	}
	d.known[id] = remembered{who, asked.Add(d.ttl)}
}

func (d *directory) named(ctx context.Context, ids []string, requestID string) (map[string]*person, error) {
	found, missing, now := map[string]*person{}, []string{}, time.Now()
	d.lock.Lock()
	for _, id := range ids {
		if one, there := d.known[id]; there && now.Before(one.until) {
			found[id] = one.user
		} else {
			missing = append(missing, id)
		}
	}
	d.lock.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	status, body, err := d.get(ctx, "/users?ids="+url.QueryEscape(strings.Join(missing, ",")), requestID)
	if err != nil {
		return nil, err
	}
	var said struct{ Items *[]person }
	if status != http.StatusOK || json.Unmarshal(body, &said) != nil || said.Items == nil {
		return nil, errUnavailable
	}
	for place := range *said.Items {
		found[(*said.Items)[place].ID] = &(*said.Items)[place]
	}
	for _, id := range missing {
		d.remember(id, found[id], now)
	}
	return found, nil
}

type shop struct {
	sync.Mutex
	orders []*order
	file   *os.File
	users  *directory
}

func (s *shop) load(path string) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	s.file = file
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var o order
		if json.Unmarshal(lines.Bytes(), &o) == nil {
			s.orders = append(s.orders, &o)
		}
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

func (s *shop) create(w http.ResponseWriter, r *http.Request) {
	var made order
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<18)).Decode(&made) != nil || made.UserID == "" || len(made.Items) == 0 {
		refuse(w, 400, "bad_order")
		return
	}
	made.Total = 0
	for _, one := range made.Items {
		if one.SKU == "" || one.Qty < 1 || one.Qty > 1e6 || one.Price < 0 || one.Price > 1e10 {
			refuse(w, 400, "bad_item")
			return
		}
		made.Total += one.Qty * one.Price
	}
	known, err := s.users.exists(r.Context(), made.UserID, r.Header.Get("X-Request-ID"))
	if err != nil {
		refuse(w, 503, "users_unavailable")
		return
	}
	if !known {
		refuse(w, 422, "unknown_user")
		return
	}
	var random [8]byte
	rand.Read(random[:])
	made.ID, made.Status = hex.EncodeToString(random[:]), "created"
	made.CreatedAt = time.Now().UTC().Format(time.RFC3339Nano)
	line, _ := json.Marshal(made)
	s.Lock()
	defer s.Unlock()
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		refuse(w, 500, "disk")
		return
	}
	s.orders = append(s.orders, &made)
	reply(w, 201, made)
}

func (s *shop) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, from := 50, 0
	var bad error
	if text := query.Get("limit"); text != "" {
		limit, bad = strconv.Atoi(text)
	}
	if text := query.Get("cursor"); text != "" && bad == nil {
		from, bad = strconv.Atoi(text)
	}
	if bad != nil || limit < 1 || limit > 100 || from < 0 {
		refuse(w, 400, "bad_page")
		return
	}
	user, only := query.Get("user_id"), query.Has("user_id")
	items, next := []*order{}, any(nil)
	s.Lock()
	for place := from; place < len(s.orders); place++ {
		if only && s.orders[place].UserID != user {
			continue
		}
		if len(items) == limit {
			next = strconv.Itoa(place)
			break
		}
		items = append(items, s.orders[place])
	}
	s.Unlock()
	answer := map[string]any{"items": items, "next_cursor": next}
	if query.Get("expand") == "user" {
		ids, seen := []string{}, map[string]bool{}
		for _, o := range items {
			if !seen[o.UserID] {
				seen[o.UserID] = true
				ids = append(ids, o.UserID)
			}
		}
		known, err := s.users.named(r.Context(), ids, r.Header.Get("X-Request-ID"))
		if err != nil {
			logLine("warn", err.Error(), map[string]any{"request_id": r.Header.Get("X-Request-ID")})
			answer["degraded"] = []string{"users"}
		}
		whole := []expanded{}
		for _, o := range items {
			whole = append(whole, expanded{o, known[o.UserID]})
		}
		answer["items"] = whole
	}
	reply(w, 200, answer)
}

func main() {
	s := &shop{users: &directory{
		url: mustEnv("USERS_URL"), client: &http.Client{}, timeout: envMillis("HTTP_TIMEOUT_MS", 500),
		ttl: time.Duration(envInt("CACHE_TTL_S", 1)) * time.Second, known: map[string]remembered{},
	}}
	s.load(strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///"))
	routes := http.NewServeMux()
	routes.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			s.create(w, r)
		case http.MethodGet:
			s.list(w, r)
		default:
			refuse(w, 405, "method_not_allowed")
		}
	})
	serve(routes)
}
