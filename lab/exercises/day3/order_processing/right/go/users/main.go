// Users with Go's own library: an append-only journal of people, and of what is still to be told of them.
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func say(w http.ResponseWriter, status int, body any) {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	say(w, status, map[string]any{"title": code, "status": status, "code": code})
}

func register(journal *Journal, w http.ResponseWriter, r *http.Request) {
	var asked struct{ Email, Name string }
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Email == "" || asked.Name == "" {
		refuse(w, 400, "bad_user")
		return
	}
	id, taken := newID(), false
	err := journal.change(func(people map[string]Record) *Line {
		if _, taken = people[asked.Email]; taken {
			return nil
		}
		data := map[string]any{"user_id": id, "email": asked.Email, "name": asked.Name}
		event := happened("user.registered", r.Header.Get("X-Request-ID"), data)
		return &Line{Key: asked.Email, Record: &Record{UserID: id, Email: asked.Email, Name: asked.Name}, Event: event}
	})
	switch {
	case err != nil:
		refuse(w, 500, "internal")
	case taken:
		refuse(w, 409, "email_taken")
	default:
		say(w, 201, map[string]string{"id": id, "email": asked.Email, "name": asked.Name})
	}
}

func main() {
	journal, err := openJournal()
	if err != nil {
		logLine("error", err.Error(), nil)
		os.Exit(1)
	}
	go relay(journal.untold, journal.told)
	routes := http.NewServeMux()
	routes.HandleFunc("/users", func(w http.ResponseWriter, r *http.Request) { register(journal, w, r) })
	serve(routes)
}
