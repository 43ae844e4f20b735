// The catalog shows and changes the products of a slow origin, with copies of them in Redis. This is the cache-aside of a
// hundred tutorials: five lines, and five mistakes.
package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

const redisTimeout = 2 * time.Second

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
	// Knobs that wait for you: CACHE_TTL_S, NEG_TTL_S.
	origin := &Origin{
		URL:    strings.TrimRight(mustEnv("ORIGIN_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 2000)},
	}
	redisURL := mustEnv("REDIS_URL")
	pool := &redis.Pool{MaxIdle: 10, IdleTimeout: time.Minute, Dial: func() (redis.Conn, error) {
		return redis.DialURL(redisURL, redis.DialConnectTimeout(redisTimeout),
			redis.DialReadTimeout(redisTimeout), redis.DialWriteTimeout(redisTimeout))
	}}
	defer pool.Close()

	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/products/")
		conn := pool.Get()
		defer conn.Close()
		body, err := redis.Bytes(conn.Do("GET", "catalog:product:"+id))
		if err == nil {
			// TODO: who says that it is JSON, and a product?
			var product Product
			if err := json.Unmarshal(body, &product); err != nil {
				return err
			}
			w.Header().Set("X-Cache", "hit")
			return reply(w, http.StatusOK, product)
		}
		if !errors.Is(err, redis.ErrNil) {
			return err
		}
		w.Header().Set("X-Cache", "miss")
		product, err := origin.Read(r.Context(), id, r.Header.Get("X-Request-ID"))
		if err != nil {
			return refusal(w, id, err)
		}
		body, err = json.Marshal(product)
		if err != nil {
			return err
		}
		// TODO: for how long?
		if _, err := conn.Do("SET", "catalog:product:"+id, body); err != nil {
			return err
		}
		return reply(w, http.StatusOK, product)
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
		// TODO: and who tells the cache?
		product, err := origin.Write(r.Context(), id, r.Header.Get("X-Request-ID"), asked)
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}

	routes := http.NewServeMux()
	routes.Handle("/products/", methods{http.MethodGet: show, http.MethodPut: change})
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
