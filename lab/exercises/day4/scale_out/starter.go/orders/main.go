// Orders as one process. It works well for as long as there is one.
package main

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

type NewItem struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

func (n NewItem) check() error {
	if n.SKU == "" || len(n.SKU) > 64 {
		return invalid("sku has between 1 and 64 bytes.")
	}
	if n.Qty < 1 || n.Qty > 1_000_000 {
		return invalid("qty is between 1 and 1000000.")
	}
	return nil
}

type Item struct {
	ID  string `json:"id"`
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

type Cart struct {
	ID    string `json:"id"`
	Items []Item `json:"items"`
}

func main() {
	// Knobs that wait for you: MAX_INFLIGHT, and REDIS_URL, where all instances can keep something (redigo is in go.mod).
	origin := &Origin{
		URL:    strings.TrimRight(mustEnv("ORIGIN_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	limit, window := envInt("RATE_LIMIT", 10), time.Duration(envInt("RATE_WINDOW_S", 10))*time.Second
	var atWork, lock sync.Mutex
	carts, asked, number := map[string][]Item{}, map[string][]time.Time{}, 0

	work := func(w http.ResponseWriter, r *http.Request) error {
		atWork.Lock() // TODO: one at a time? MAX_INFLIGHT of them
		defer atWork.Unlock()
		job, err := origin.Job(r.Context(), strings.TrimPrefix(r.URL.Path, "/jobs/"), r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, job)
	}
	add := func(w http.ResponseWriter, r *http.Request) error {
		id, last, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/carts/"), "/")
		if last != "items" {
			return problem(http.StatusNotFound, "not_found", "There is no %s.", r.URL.Path)
		}
		var asked NewItem
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		// TODO: the next request may come to another instance, which has other carts and the same numbers
		lock.Lock()
		defer lock.Unlock()
		number++
		item := Item{strconv.Itoa(number), asked.SKU, asked.Qty}
		carts[id] = append(carts[id], item)
		return reply(w, http.StatusCreated, item)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/carts/")
		lock.Lock()
		defer lock.Unlock()
		if len(carts[id]) == 0 {
			return problem(http.StatusNotFound, "unknown_cart", "There is no cart %s.", id)
		}
		return reply(w, http.StatusOK, Cart{id, carts[id]})
	}
	limited := func(w http.ResponseWriter, r *http.Request) error {
		// TODO: with three instances it is three times RATE_LIMIT
		user := r.Header.Get("X-User")
		lock.Lock()
		defer lock.Unlock()
		recent := []time.Time{}
		for _, at := range asked[user] {
			if time.Since(at) < window {
				recent = append(recent, at)
			}
		}
		if len(recent) >= limit {
			w.Header().Set("Retry-After", strconv.Itoa(int(window.Seconds())))
			return problem(http.StatusTooManyRequests, "rate_limited", "That was too often.")
		}
		asked[user] = append(recent, time.Now())
		return reply(w, http.StatusOK, map[string]string{"status": "ok"})
	}

	routes := http.NewServeMux()
	routes.Handle("/jobs/", methods{http.MethodGet: work})
	routes.Handle("/carts/", methods{http.MethodGet: show, http.MethodPost: add})
	routes.Handle("/limited", methods{http.MethodGet: limited})
	serve(routes)
}
