// Users with Go's own library: all of them in one file, and beside each the version that was told last.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

type User struct {
	ID      string           `json:"id"`
	Name    string           `json:"name"`
	Balance int64            `json:"balance"`
	Version int64            `json:"version"`
	Told    int64            `json:"told"`
	Taken   map[string]Taken `json:"taken"`
}

type Taken struct {
	ID      string `json:"id"`
	UserID  string `json:"user_id"`
	Amount  int64  `json:"amount"`
	Balance int64  `json:"balance"`
}

type refusal struct {
	status int
	code   string
}

func (r refusal) Error() string { return r.code }

var (
	unknown = refusal{404, "unknown_user"}
	bad     = refusal{400, "bad_request"}
)

func newID() string {
	random := make([]byte, 12)
	rand.Read(random)
	return hex.EncodeToString(random)
}

func (u *User) view() map[string]any {
	return map[string]any{"id": u.ID, "name": u.Name, "balance": u.Balance, "version": u.Version}
}

type book map[string]*User

func answer(w http.ResponseWriter, status int, body any, err error) {
	kind := "application/json"
	var refused refusal
	if errors.As(err, &refused) {
		status, kind = refused.status, "application/problem+json"
		body = map[string]any{"title": refused.code, "status": refused.status, "code": refused.code}
	} else if err != nil {
		status, kind = 503, "application/problem+json"
		body = map[string]any{"title": err.Error(), "status": 503, "code": "disk"}
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func withdraw(people book, id string, r *http.Request) (done Taken, err error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return done, refusal{400, "idempotency_key_missing"}
	}
	var asked struct{ Amount int64 }
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Amount <= 0 {
		return done, bad
	}
	user := people[id]
	if user == nil {
		return done, unknown
	}
	if done, again := user.Taken[key]; again {
		return done, nil
	}
	if until, err := time.Parse(time.RFC3339Nano, r.Header.Get("Use-By")); err == nil && time.Now().After(until) {
		return done, refusal{410, "used_up"}
	}
	if user.Balance < asked.Amount {
		return done, refusal{409, "insufficient_funds"}
	}
	user.Balance -= asked.Amount
	user.Version++
	done = Taken{newID(), id, asked.Amount, user.Balance}
	user.Taken[key] = done
	return done, nil
}

// untold is what is still to be told, and the moment at which it was all.
func untold(state *State[book]) (events []User, now time.Time) {
	state.look(func(people book) {
		now = time.Now()
		for _, user := range people {
			if user.Told < user.Version {
				events = append(events, *user)
			}
		}
	})
	return events, now
}

func tell(ctx context.Context, state *State[book]) {
	every := envMillis("HEARTBEAT_MS", 250)
	for ; ctx.Err() == nil; pause(ctx, 300*time.Millisecond) {
		broker, err := Dial(mustEnv("AMQP_URL"))
		if err != nil {
			continue
		}
		if err = broker.DeclareExchange("shop.events"); err == nil {
			err = broker.WantConfirms()
		}
		for err == nil && ctx.Err() == nil {
			events, now := untold(state)
			for _, user := range events {
				fact := user.view()
				fact["user_id"] = user.ID
				if err = publish(broker, "user.changed", fact, now); err != nil {
					break
				}
				err = state.change(func(people book) error {
					people[user.ID].Told = user.Version
					return nil
				})
			}
			// Nothing was untold at that moment but what has been told now.
			if err == nil {
				err = publish(broker, "user.nothing", map[string]any{}, now)
			}
			pause(ctx, every/2)
		}
		broker.Close()
	}
}

func publish(broker *Client, kind string, data map[string]any, now time.Time) error {
	id := newID()
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": id, "source": "/users", "type": kind, "time": now.UTC(), "data": data,
	})
	if err != nil {
		return err
	}
	if err := broker.Publish("shop.events", kind, id, "", body); err != nil {
		return err
	}
	select {
	case confirm := <-broker.Confirms:
		if confirm.Ack {
			return nil
		}
		return errors.New("refused")
	case <-broker.Closed:
		return errors.New("closed")
	case <-time.After(3 * time.Second):
		return errors.New("no confirm")
	}
}

func main() {
	path := strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///")
	state, err := openState(path+".json", book{})
	orExit(err)
	defer inBackground(func(ctx context.Context) { tell(ctx, state) })()

	routes := http.NewServeMux()
	routes.HandleFunc("/users", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Name    string
			Balance int64
		}
		if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Name == "" || asked.Balance < 0 {
			answer(w, 0, nil, bad)
			return
		}
		user := &User{ID: newID(), Name: asked.Name, Balance: asked.Balance, Version: 1, Taken: map[string]Taken{}}
		err := state.change(func(people book) error {
			people[user.ID] = user
			return nil
		})
		answer(w, 201, map[string]any{"id": user.ID, "name": asked.Name, "balance": asked.Balance, "version": 1}, err)
	})
	routes.HandleFunc("/users/", func(w http.ResponseWriter, r *http.Request) {
		id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/users/"), "/")
		switch {
		case what == "withdraw":
			var done Taken
			err := state.change(func(people book) (err error) {
				done, err = withdraw(people, id, r)
				return err
			})
			answer(w, 201, done, err)
		case r.Method == http.MethodPatch:
			var asked struct{ Name string }
			json.NewDecoder(r.Body).Decode(&asked)
			var shown map[string]any
			err := state.change(func(people book) error {
				if people[id] == nil {
					return unknown
				}
				people[id].Name = asked.Name
				people[id].Version++
				shown = people[id].view()
				return nil
			})
			answer(w, 200, shown, err)
		default:
			var shown map[string]any
			state.look(func(people book) {
				if people[id] != nil {
					shown = people[id].view()
				}
			})
			if shown == nil {
				answer(w, 0, nil, unknown)
				return
			}
			answer(w, 200, shown, nil)
		}
	})
	serve(routes)
}
