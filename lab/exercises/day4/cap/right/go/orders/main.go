// Orders with Go's own library: what it has heard of users is one file.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const queue = "orders.users"

type Known struct {
	Name    string `json:"name"`
	Balance int64  `json:"balance"`
	Version int64  `json:"version"`
}

type notes struct {
	Users map[string]Known `json:"users"`
	Until time.Time        `json:"until"`
}

func hear(state *State[*notes], body []byte) error {
	var event struct {
		Time time.Time `json:"time"`
		Data struct {
			UserID string `json:"user_id"`
			Known
		} `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil {
		return nil
	}
	return state.change(func(n *notes) error {
		if id := event.Data.UserID; id != "" && n.Users[id].Version < event.Data.Version {
			n.Users[id] = event.Data.Known
		}
		if event.Data.UserID == "" && n.Until.Before(event.Time) {
			n.Until = event.Time
		}
		return nil
	})
}

func listen(ctx context.Context, state *State[*notes]) {
	for ; ctx.Err() == nil; pause(ctx, 300*time.Millisecond) {
		broker, err := Dial(mustEnv("AMQP_URL"))
		if err != nil {
			continue
		}
		if err = broker.DeclareExchange("shop.events"); err == nil {
			err = broker.DeclareQueue(queue, "shop.events", "user.*")
		}
		if err == nil {
			err = broker.Consume(queue, uint16(envInt("PREFETCH", 10)))
		}
		for err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-broker.Closed:
				err = errors.New("the connection is gone")
			case delivery := <-broker.Deliveries:
				if err = hear(state, delivery.Body); err == nil {
					err = broker.Ack(delivery.Tag)
				}
			}
		}
		broker.Close()
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	kind := "application/json"
	if code, refused := body.(string); refused {
		kind, body = "application/problem+json", map[string]any{"title": code, "status": status, "code": code}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func main() {
	path := strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///")
	state, err := openState(path+".json", &notes{Users: map[string]Known{}})
	orExit(err)
	defer inBackground(func(ctx context.Context) { listen(ctx, state) })()
	users, staleAfter := mustEnv("USERS_URL"), envMillis("STALE_AFTER_MS", 1500)
	patience := envMillis("HTTP_TIMEOUT_MS", 500)
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

	routes := http.NewServeMux()
	routes.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/users/"), "/summary")
		var known Known
		var until time.Time
		var found bool
		state.look(func(n *notes) {
			known, found = n.Users[id]
			until = n.Until
		})
		if !found {
			answer(w, 404, "unknown_user")
			return
		}
		answer(w, 200, map[string]any{
			"name": known.Name, "balance": known.Balance, "as_of": until, "stale": time.Since(until) > staleAfter,
		})
	})
	routes.HandleFunc("/withdrawals", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" {
			answer(w, 400, "idempotency_key_missing")
			return
		}
		body, _ := io.ReadAll(r.Body)
		var asked struct {
			UserID string `json:"user_id"`
		}
		if json.Unmarshal(body, &asked) != nil || asked.UserID == "" {
			answer(w, 422, "no_user")
			return
		}
		request, _ := http.NewRequest(http.MethodPost, users+"/users/"+asked.UserID+"/withdraw", bytes.NewReader(body))
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Use-By", time.Now().Add(patience).Format(time.RFC3339Nano))
		if reply, err := client.Do(request); err == nil {
			defer reply.Body.Close()
			text, err := io.ReadAll(reply.Body)
			decided := reply.StatusCode == 201 || reply.StatusCode == 404 || reply.StatusCode == 409
			if err == nil && decided {
				w.Header().Set("Content-Type", reply.Header.Get("Content-Type"))
				w.WriteHeader(reply.StatusCode)
				w.Write(text)
				return
			}
		}
		w.Header().Set("Retry-After", "1")
		answer(w, 503, "partitioned")
	})
	serve(routes)
}
