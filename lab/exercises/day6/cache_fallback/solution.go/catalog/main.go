// The catalog shows and changes the products of a slow origin, with copies of them in Redis. The cache is asked first and
// told last, and nothing depends on its answer.
package main

import (
	"errors"
	"math/rand"
	"net/http"
	"strings"
	"time"
)

type Change struct {
	Name  string `json:"name"`
	Price int64  `json:"price"`
}

func (c Change) check() error {
	if c.Name == "" || len(c.Name) > 400 {
		return invalid("A name has between 1 and 400 bytes.")
	}
	if c.Price < 0 || c.Price > 1_000_000_000 {
		return invalid("A price is between 0 and 1000000000.")
	}
	return nil
}

func main() {
	rand.Seed(time.Now().UnixNano()) // before Go 1.20 every process draws the same numbers
	origin := NewOrigin(mustEnv("ORIGIN_URL"), envMillis("HTTP_TIMEOUT_MS", 2000), envInt("ORIGIN_MAX", 10))
	ttl, lockTTL := envSeconds("CACHE_TTL_S", 30), envMillis("LOCK_TTL_MS", 2000)
	cache := NewCache(mustEnv("REDIS_URL"), envMillis("REDIS_TIMEOUT_MS", 200), ttl, envSeconds("NEG_TTL_S", 2), lockTTL)
	defer cache.Close()
	products := NewProducts(origin, cache, ttl, lockTTL)
	reads := NewCounter("cache_requests_total", "result", string(Hit), string(Miss), string(Bypass))

	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/products/")
		entry, how, err := products.Read(id, r.Header.Get("X-Request-ID"))
		w.Header().Set("X-Cache", string(how))
		if err == nil {
			reads.Add(string(how))
		}
		switch {
		case err != nil:
			return refusal(w, id, err)
		case entry.Product == nil:
			return refusal(w, id, ErrUnknown)
		}
		return reply(w, http.StatusOK, entry.Product)
	}
	change := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/products/")
		var asked Change
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		product, err := products.Write(r.Context(), id, r.Header.Get("X-Request-ID"), asked)
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}

	routes := http.NewServeMux()
	routes.Handle("/products/", methods{http.MethodGet: show, http.MethodPut: change})
	routes.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		cache.Errors.ServeHTTP(w, r)
		reads.ServeHTTP(w, r)
	})
	serve(routes, Check{Name: "cache", Test: cache.Check, Optional: true})
}

// refusal is how an error of the origin is answered.
func refusal(w http.ResponseWriter, id string, err error) error {
	switch {
	case errors.Is(err, ErrUnknown):
		return problem(http.StatusNotFound, "unknown_product", "There is no product %s.", id)
	case errors.Is(err, ErrOriginDown):
		logLine("warn", err.Error(), map[string]any{"dependency": "origin"})
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "origin_unavailable", "The origin cannot be asked just now.")
	default:
		return err
	}
}
