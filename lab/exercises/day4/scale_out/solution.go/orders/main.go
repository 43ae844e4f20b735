// Orders, as many times as one likes: nothing that must outlast a request is in the process.
package main

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

func main() {
	origin := &Origin{
		URL: strings.TrimRight(mustEnv("ORIGIN_URL"), "/"),
		Client: &http.Client{
			Timeout:   envMillis("HTTP_TIMEOUT_MS", 2000),
			Transport: &http.Transport{MaxIdleConnsPerHost: 100},
		},
	}
	redis := connect(mustEnv("REDIS_URL"))
	defer redis.Close()
	carts := &Carts{redis}
	limiter := &Limiter{redis, envInt("RATE_LIMIT", 10), envInt("RATE_WINDOW_S", 10)}
	places := make(chan struct{}, envInt("MAX_INFLIGHT", 4)) // of this instance: another one has its own

	work := func(w http.ResponseWriter, r *http.Request) error {
		places <- struct{}{}
		defer func() { <-places }()
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
		item, err := carts.Add(id, asked)
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, item)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/carts/")
		cart, err := carts.Find(id)
		if err == nil && len(cart.Items) == 0 {
			err = problem(http.StatusNotFound, "unknown_cart", "There is no cart %s.", id)
		}
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, cart)
	}
	limited := func(w http.ResponseWriter, r *http.Request) error {
		wait, err := limiter.Wait(r.Header.Get("X-User"))
		if err != nil {
			return err
		}
		if wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			return problem(http.StatusTooManyRequests, "rate_limited", "That was too often.")
		}
		return reply(w, http.StatusOK, map[string]string{"status": "ok"})
	}

	routes := http.NewServeMux()
	routes.Handle("/jobs/", methods{http.MethodGet: work})
	routes.Handle("/carts/", methods{http.MethodGet: show, http.MethodPost: add})
	routes.Handle("/limited", methods{http.MethodGet: limited})
	serve(routes, Check{Name: "redis", Test: answers(redis)})
}
