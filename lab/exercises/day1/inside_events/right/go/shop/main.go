// The shop with nothing but Go's own library: a file to which every change is appended before its answer, and a copy of
// what it says in the memory of each instance.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

type refusal struct {
	status int
	code   string
}

func (r refusal) Error() string { return r.code }

type server struct {
	shop       *shop
	mail       http.Client
	registered atomic.Int64
}

// say writes a line of the log.
func say(r *http.Request, level, message string) {
	line, _ := json.Marshal(map[string]string{
		"ts": now(), "level": level, "service": "shop", "msg": message, "request_id": r.Header.Get("X-Request-ID"),
	})
	os.Stdout.Write(append(line, '\n')) // one write, so that lines of two requests never mix
}

// answered wraps a handler: what it returns becomes the answer, a refusal becomes problem+json.
func answered(handle func(r *http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Request-ID") == "" {
			r.Header.Set("X-Request-ID", ident())
		}
		w.Header().Set("X-Request-ID", r.Header.Get("X-Request-ID"))
		status, body, err := handle(r)
		kind := "application/json"
		if err != nil {
			why, known := err.(refusal)
			if !known {
				why = refusal{500, "internal"}
			}
			kind, status = "application/problem+json", why.status
			body = map[string]any{"title": why.code, "status": why.status, "code": why.code}
		}
		say(r, "info", fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, status))
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			json.NewEncoder(w).Encode(body)
		}
	}
}

func (s *server) users(r *http.Request) (int, any, error) {
	switch r.Method {
	case http.MethodPost:
		email, name, err := person(r, true)
		if err != nil {
			return 0, nil, err
		}
		leave, err := s.shop.enter()
		if err != nil {
			return 0, nil, err
		}
		defer leave()
		if s.shop.taken(*email, "") {
			return 0, nil, refusal{409, "email_taken"}
		}
		user := &user{ID: ident(), Email: *email, Name: *name, CreatedAt: now()}
		if err := s.shop.change(change{User: user}); err != nil {
			return 0, nil, err
		}
		// Who listens is told in a goroutine each: as many as there are events, and each waits for itself alone.
		for _, listener := range []func(string){s.welcome, s.count} {
			go listener(user.ID)
		}
		return 201, user, nil
	case http.MethodGet:
		leave, err := s.shop.enter()
		if err != nil {
			return 0, nil, err
		}
		defer leave()
		return page(r, s.shop.users, func(*user) bool { return true })
	}
	return 0, nil, refusal{405, "method_not_allowed"}
}

func (s *server) user(r *http.Request) (int, any, error) {
	id := strings.TrimPrefix(r.URL.Path, "/users/")
	var email, name *string
	if r.Method == http.MethodPatch {
		var err error
		if email, name, err = person(r, false); err != nil {
			return 0, nil, err
		}
	}
	leave, err := s.shop.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	found := s.shop.users.get(id)
	if found == nil {
		return 0, nil, refusal{404, "unknown_user"}
	}
	switch r.Method {
	case http.MethodGet:
		return 200, found, nil
	case http.MethodPatch:
		changed := *found
		if name != nil {
			changed.Name = *name
		}
		if email != nil {
			if s.shop.taken(*email, id) {
				return 0, nil, refusal{409, "email_taken"}
			}
			changed.Email = *email
		}
		return 200, &changed, s.shop.change(change{User: &changed})
	case http.MethodDelete:
		if s.shop.hasOrders(id) {
			return 0, nil, refusal{409, "user_has_orders"}
		}
		return 204, nil, s.shop.change(change{GoneUser: id})
	}
	return 0, nil, refusal{405, "method_not_allowed"}
}

func (s *server) orders(r *http.Request) (int, any, error) {
	switch r.Method {
	case http.MethodPost:
		asked, err := wanted(r)
		if err != nil {
			return 0, nil, err
		}
		if err := s.place(asked); err != nil {
			return 0, nil, err
		}
		return 201, asked, nil
	case http.MethodGet:
		leave, err := s.shop.enter()
		if err != nil {
			return 0, nil, err
		}
		defer leave()
		whose, given := r.URL.Query()["user_id"]
		return page(r, s.shop.orders, func(o *order) bool { return !given || o.UserID == whose[0] })
	}
	return 0, nil, refusal{405, "method_not_allowed"}
}

func (s *server) place(asked *order) error {
	leave, err := s.shop.enter()
	if err != nil {
		return err
	}
	defer leave()
	if s.shop.users.get(asked.UserID) == nil {
		return refusal{422, "unknown_user"}
	}
	asked.ID, asked.Status, asked.CreatedAt = ident(), "created", now()
	return s.shop.change(change{Order: asked})
}

func (s *server) count(string) { s.registered.Add(1) }

// welcome asks for a mail, and writes down what became of it.
func (s *server) welcome(userID string) {
	told := &note{ID: ident(), UserID: userID, Template: "welcome", Status: "failed"}
	asked, _ := json.Marshal(told)
	said, err := s.mail.Post(os.Getenv("NOTIFY_URL")+"/notify", "application/json", bytes.NewReader(asked))
	if err == nil {
		said.Body.Close()
		if said.StatusCode < 300 {
			told.Status = "sent"
		}
	}
	leave, err := s.shop.enter()
	if err == nil {
		defer leave()
		err = s.shop.change(change{Note: told})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "not written down:", *told, err)
	}
}

func (s *server) notifications(r *http.Request) (int, any, error) {
	leave, err := s.shop.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	return 200, map[string]any{"items": append([]*note{}, s.shop.notes[r.URL.Query().Get("user_id")]...)}, nil
}

func (s *server) stats(*http.Request) (int, any, error) {
	return 200, map[string]int64{"registered": s.registered.Load()}, nil
}

func (s *server) order(r *http.Request) (int, any, error) {
	id := strings.TrimPrefix(r.URL.Path, "/orders/")
	if r.Method == http.MethodPatch {
		var asked struct{ Status any }
		if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<18)).Decode(&asked); err != nil {
			return 0, nil, refusal{400, "bad_json"}
		}
		if asked.Status != "cancelled" {
			return 0, nil, refusal{422, "bad_status"}
		}
	}
	leave, err := s.shop.enter()
	if err != nil {
		return 0, nil, err
	}
	defer leave()
	found := s.shop.orders.get(id)
	if found == nil {
		return 0, nil, refusal{404, "unknown_order"}
	}
	switch r.Method {
	case http.MethodGet:
		return 200, found, nil
	case http.MethodPatch:
		changed := *found
		changed.Status = "cancelled"
		return 200, &changed, s.shop.change(change{Order: &changed})
	case http.MethodDelete:
		return 204, nil, s.shop.change(change{GoneOrder: id})
	}
	return 0, nil, refusal{405, "method_not_allowed"}
}

// person reads a user's fields; all of them must be there if whole.
func person(r *http.Request, whole bool) (email, name *string, err error) {
	var sent map[string]any
	if json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<18)).Decode(&sent) != nil || sent == nil {
		return nil, nil, refusal{400, "bad_json"}
	}
	for field, place := range map[string]**string{"email": &email, "name": &name} {
		value, given := sent[field]
		if !given && !whole {
			continue
		}
		said, ok := value.(string)
		if !ok || said == "" || len(said) > 300 {
			return nil, nil, refusal{422, "bad_" + field}
		}
		*place = &said
	}
	return email, name, nil
}

// wanted reads an order. Decoding into int64 refuses halves by itself.
func wanted(r *http.Request) (*order, error) {
	var sent struct {
		UserID *string `json:"user_id"`
		Items  []struct {
			SKU   *string `json:"sku"`
			Qty   *int64  `json:"qty"`
			Price *int64  `json:"price"`
		} `json:"items"`
	}
	if json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<18)).Decode(&sent) != nil {
		return nil, refusal{400, "bad_order"}
	}
	if sent.UserID == nil || len(sent.Items) == 0 {
		return nil, refusal{422, "incomplete_order"}
	}
	made := &order{UserID: *sent.UserID}
	for _, one := range sent.Items {
		if one.SKU == nil || *one.SKU == "" || one.Qty == nil || *one.Qty <= 0 || *one.Qty > 1e6 ||
			one.Price == nil || *one.Price < 0 || *one.Price > 1e11 {
			return nil, refusal{422, "bad_item"}
		}
		made.Items = append(made.Items, item{*one.SKU, *one.Qty, *one.Price})
		made.Total += *one.Qty * *one.Price
	}
	return made, nil
}

// page is a part of a table in the order of insertion; the cursor is the place of the last row shown.
func page[T any](r *http.Request, rows *table[T], fits func(*T) bool) (int, any, error) {
	limit, after := 50, -1
	for name, value := range map[string]*int{"limit": &limit, "cursor": &after} {
		if text := r.URL.Query().Get(name); text != "" {
			number, err := strconv.Atoi(text)
			if err != nil || number < 0 || (name == "limit" && (number == 0 || number > 1000)) {
				return 0, nil, refusal{400, "bad_" + name}
			}
			*value = number
		}
	}
	items, next := []*T{}, (*string)(nil)
	for place := after + 1; place < len(rows.order); place++ {
		row := rows.get(rows.order[place])
		if row == nil || !fits(row) {
			continue
		}
		if len(items) == limit {
			cursor := strconv.Itoa(after)
			next = &cursor
			break
		}
		items, after = append(items, row), place
	}
	return 200, map[string]any{"items": items, "next_cursor": next}, nil
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

func ident() string {
	random := make([]byte, 12)
	rand.Read(random)
	return hex.EncodeToString(random)
}

func main() {
	kept, err := open(strings.TrimPrefix(os.Getenv("DATABASE_URL"), "sqlite:///"))
	if err != nil {
		panic(err)
	}
	patience, err := strconv.Atoi(os.Getenv("HTTP_TIMEOUT_MS"))
	if err != nil {
		patience = 2000
	}
	s := &server{shop: kept, mail: http.Client{Timeout: time.Duration(patience) * time.Millisecond}}
	alive := func(*http.Request) (int, any, error) { return 200, map[string]string{"status": "alive"}, nil }
	mux := http.NewServeMux()
	mux.HandleFunc("/users", answered(s.users))
	mux.HandleFunc("/users/", answered(s.user))
	mux.HandleFunc("/orders", answered(s.orders))
	mux.HandleFunc("/orders/", answered(s.order))
	mux.HandleFunc("/healthz", answered(alive))
	mux.HandleFunc("/readyz", answered(alive))
	mux.HandleFunc("/notifications", answered(s.notifications))
	mux.HandleFunc("/stats", answered(s.stats))
	listener := &http.Server{Addr: os.Getenv("HOST") + ":" + os.Getenv("PORT"), Handler: mux}
	stopped := make(chan struct{})
	go func() {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
		listener.Shutdown(context.Background())
		close(stopped)
	}()
	if err := listener.ListenAndServe(); err != http.ErrServerClosed {
		panic(err)
	}
	<-stopped
}
