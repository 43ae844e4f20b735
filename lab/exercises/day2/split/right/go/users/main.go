// Users with nothing but Go's own library: all in memory, each change a line on disk before its answer.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

type user struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
	Seq       int    `json:"seq"` // further fields are up to us
	Deleted   bool   `json:"deleted,omitempty"`
}

type directory struct {
	sync.Mutex
	byID    map[string]user
	byEmail map[string]string
	last    int
	file    *os.File
}

func open(path string) *directory {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	d := &directory{byID: map[string]user{}, byEmail: map[string]string{}, file: file}
	lines, whole := bufio.NewReader(file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		var u user
		if err != nil || json.Unmarshal(bytes.TrimSpace(line), &u) != nil {
			break
		}
		whole += int64(len(line))
		d.apply(u)
	}
	file.Truncate(whole)
	file.Seek(whole, 0)
	return d
}

func (d *directory) apply(u user) {
	if old, there := d.byID[u.ID]; there {
		delete(d.byEmail, old.Email)
		delete(d.byID, u.ID)
	}
	if u.Seq > d.last {
		d.last = u.Seq
	}
	if !u.Deleted {
		d.byID[u.ID], d.byEmail[u.Email] = u, u.ID
	}
}

func (d *directory) save(u user) bool {
	line, _ := json.Marshal(u)
	if _, err := d.file.Write(append(line, '\n')); err != nil {
		return false
	}
	if d.file.Sync() != nil {
		return false
	}
	d.apply(u)
	return true
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "code": code})
}

// person reads what was sent; a field that was not sent is empty.
func person(w http.ResponseWriter, r *http.Request) (email, name string, ok bool) {
	var sent struct {
		Email *string `json:"email"`
		Name  *string `json:"name"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&sent); err != nil {
		refuse(w, 400, "bad_json")
		return
	}
	for _, field := range []*string{sent.Email, sent.Name} {
		if field != nil && (strings.TrimSpace(*field) == "" || len(*field) > 250) {
			refuse(w, 400, "bad_field")
			return
		}
	}
	if sent.Email != nil {
		email = *sent.Email
	}
	if sent.Name != nil {
		name = *sent.Name
	}
	return email, name, true
}

func (d *directory) collection(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		email, name, ok := person(w, r)
		if !ok {
			return
		}
		if email == "" || name == "" {
			refuse(w, 400, "missing_field")
			return
		}
		d.Lock()
		defer d.Unlock()
		if _, taken := d.byEmail[email]; taken {
			refuse(w, 409, "email_taken")
			return
		}
		var random [9]byte
		rand.Read(random[:])
		u := user{ID: hex.EncodeToString(random[:]), Email: email, Name: name, Seq: d.last + 1}
		u.CreatedAt = time.Now().UTC().Format(time.RFC3339)
		if !d.save(u) {
			refuse(w, 500, "disk")
			return
		}
		reply(w, 201, u)
	case http.MethodGet:
		query := r.URL.Query()
		d.Lock()
		defer d.Unlock()
		found := []user{}
		if ids, given := query["ids"]; given {
			asked := map[string]bool{}
			for _, id := range strings.Split(ids[0], ",") {
				if u, there := d.byID[id]; there && !asked[id] {
					asked[id] = true
					found = append(found, u)
				}
			}
			reply(w, 200, map[string]any{"items": found})
			return
		}
		limit, after := 50, 0
		if text := query.Get("limit"); text != "" {
			limit, _ = strconv.Atoi(text)
		}
		if text := query.Get("cursor"); text != "" {
			after, _ = strconv.Atoi(text)
		}
		if limit < 1 || limit > 500 || after < 0 {
			refuse(w, 400, "bad_page")
			return
		}
		for _, u := range d.byID {
			if u.Seq > after {
				found = append(found, u)
			}
		}
		sort.Slice(found, func(a, b int) bool { return found[a].Seq < found[b].Seq })
		var next any
		if len(found) > limit {
			found = found[:limit]
			next = strconv.Itoa(found[limit-1].Seq)
		}
		reply(w, 200, map[string]any{"items": found, "next_cursor": next})
	default:
		refuse(w, 405, "method_not_allowed")
	}
}

func (d *directory) one(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/users/")
	email, name, ok := "", "", true
	if r.Method == http.MethodPatch {
		if email, name, ok = person(w, r); !ok {
			return
		}
	}
	d.Lock()
	defer d.Unlock()
	u, there := d.byID[id]
	if !there {
		refuse(w, 404, "unknown_user")
		return
	}
	switch r.Method {
	case http.MethodGet:
		reply(w, 200, u)
	case http.MethodPatch:
		if email != "" {
			if owner, taken := d.byEmail[email]; taken && owner != id {
				refuse(w, 409, "email_taken")
				return
			}
			u.Email = email
		}
		if name != "" {
			u.Name = name
		}
		if !d.save(u) {
			refuse(w, 500, "disk")
			return
		}
		reply(w, 200, u)
	case http.MethodDelete:
		u.Deleted = true
		if !d.save(u) {
			refuse(w, 500, "disk")
			return
		}
		w.WriteHeader(204)
	default:
		refuse(w, 405, "method_not_allowed")
	}
}

func main() {
	d := open(strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///"))
	routes := http.NewServeMux()
	routes.HandleFunc("/users", d.collection)
	routes.HandleFunc("/users/", d.one)
	serve(routes)
}
