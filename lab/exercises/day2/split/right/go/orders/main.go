// Orders with nothing but Go's own library: all in memory, each change a line on disk before its answer.
package main

import (
	"bufio"
	"bytes"
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

var errUnavailable = errors.New("users cannot be asked")

type shop struct {
	sync.Mutex
	orders  []*order // in the order of arrival; deleted ones leave a nil
	places  map[string]int
	file    *os.File
	users   string
	client  *http.Client
	timeout time.Duration
}

func (s *shop) load(path string) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	s.file, s.places = file, map[string]int{}
	lines, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		var o order
		if err != nil || json.Unmarshal(bytes.TrimSpace(line), &o) != nil {
			break
		}
		whole += int64(len(line))
		s.apply(o)
	}
	file.Truncate(whole)
	file.Seek(whole, 0)
}

func (s *shop) apply(o order) {
	place, there := s.places[o.ID]
	switch {
	case o.Status == "deleted":
		s.orders[place] = nil
		delete(s.places, o.ID)
	case there:
		s.orders[place] = &o
	default:
		s.places[o.ID] = len(s.orders)
		s.orders = append(s.orders, &o)
	}
}

func (s *shop) save(o order) error {
	line, _ := json.Marshal(o)
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.apply(o)
	return nil
}

// exists asks users. Only its yes and its no count; what it says of the user does not matter here.
func (s *shop) exists(ctx context.Context, id, requestID string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.users+"/users/"+url.PathEscape(id), nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("X-Request-ID", requestID)
	response, err := s.client.Do(request)
	if err != nil {
		return false, errUnavailable
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return false, errUnavailable
	}
	if response.StatusCode == http.StatusNotFound {
		return false, nil
	}
	var known struct{ ID string }
	if response.StatusCode != http.StatusOK || json.Unmarshal(body, &known) != nil || known.ID != id {
		return false, errUnavailable
	}
	return true, nil
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
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
	var sent struct {
		UserID string `json:"user_id"`
		Items  []item `json:"items"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<18)).Decode(&sent) != nil {
		refuse(w, 400, "bad_json")
		return
	}
	if sent.UserID == "" || len(sent.Items) == 0 {
		refuse(w, 400, "incomplete")
		return
	}
	made := order{UserID: sent.UserID, Items: sent.Items, Status: "created"}
	for _, one := range sent.Items {
		if one.SKU == "" || one.Qty < 1 || one.Qty > 1e6 || one.Price < 0 || one.Price > 1e10 {
			refuse(w, 400, "bad_item")
			return
		}
		made.Total += one.Qty * one.Price
	}
	known, err := s.exists(r.Context(), made.UserID, r.Header.Get("X-Request-ID"))
	switch {
	case err != nil:
		logLine("warn", err.Error(), map[string]any{"request_id": r.Header.Get("X-Request-ID")})
		refuse(w, 503, "users_unavailable")
		return
	case !known:
		refuse(w, 422, "unknown_user")
		return
	}
	var random [9]byte
	rand.Read(random[:])
	made.ID, made.CreatedAt = hex.EncodeToString(random[:]), time.Now().UTC().Format(time.RFC3339Nano)
	s.Lock()
	defer s.Unlock()
	if s.save(made) != nil {
		refuse(w, 500, "disk")
		return
	}
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
	if bad != nil || limit < 1 || limit > 500 || from < 0 {
		refuse(w, 400, "bad_page")
		return
	}
	user, only := query.Get("user_id"), query.Has("user_id")
	s.Lock()
	defer s.Unlock()
	items, next := []*order{}, any(nil)
	for place := from; place < len(s.orders); place++ {
		o := s.orders[place]
		if o == nil || only && o.UserID != user {
			continue
		}
		if len(items) == limit {
			next = strconv.Itoa(place)
			break
		}
		items = append(items, o)
	}
	reply(w, 200, map[string]any{"items": items, "next_cursor": next})
}

func (s *shop) one(w http.ResponseWriter, r *http.Request) {
	status := "deleted"
	if r.Method == http.MethodPatch {
		var sent struct{ Status string }
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&sent) != nil || sent.Status != "cancelled" {
			refuse(w, 400, "bad_status")
			return
		}
		status = sent.Status
	}
	s.Lock()
	defer s.Unlock()
	place, there := s.places[strings.TrimPrefix(r.URL.Path, "/orders/")]
	if !there {
		refuse(w, 404, "unknown_order")
		return
	}
	changed := *s.orders[place]
	switch r.Method {
	case http.MethodGet:
		reply(w, 200, changed)
	case http.MethodPatch, http.MethodDelete:
		changed.Status = status
		if s.save(changed) != nil {
			refuse(w, 500, "disk")
		} else if status == "deleted" {
			w.WriteHeader(204)
		} else {
			reply(w, 200, changed)
		}
	default:
		refuse(w, 405, "method_not_allowed")
	}
}

func main() {
	s := &shop{users: mustEnv("USERS_URL"), timeout: envMillis("HTTP_TIMEOUT_MS", 2000), client: &http.Client{}}
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
	routes.HandleFunc("/orders/", s.one)
	serve(routes)
}
