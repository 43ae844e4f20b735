// The cache layer: whoever wants a product asks here, and only here is the origin known.
package main

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
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
	origin := &Origin{
		URL:    strings.TrimRight(mustEnv("ORIGIN_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	ttl, timeout := envSeconds("CACHE_TTL_S", 30), envMillis("REDIS_TIMEOUT_MS", 1000)
	redisURL := mustEnv("REDIS_URL")
	pool := &redis.Pool{MaxIdle: 10, IdleTimeout: time.Minute, Dial: func() (redis.Conn, error) {
		return redis.DialURL(redisURL, redis.DialConnectTimeout(timeout),
			redis.DialReadTimeout(timeout), redis.DialWriteTimeout(timeout))
	}}
	defer pool.Close()
	doubt := 2 * origin.Client.Timeout // in which a write without an answer has arrived, or never will
	if doubt > ttl {
		doubt = ttl
	}
	layer := &Layer{
		origin: origin,
		copies: &Copies{pool: pool, ttl: ttl, doubt: doubt},
		locks:  map[string]*lock{},
	}

	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/cache/products/")
		product, err := layer.Read(r.Context(), id, r.Header.Get("X-Request-ID"))
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}
	change := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/cache/products/")
		var asked Change
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		product, err := layer.Write(id, r.Header.Get("X-Request-ID"), asked)
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}

	routes := http.NewServeMux()
	routes.Handle("/cache/products/", methods{http.MethodGet: show, http.MethodPut: change})
	serve(routes)
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
