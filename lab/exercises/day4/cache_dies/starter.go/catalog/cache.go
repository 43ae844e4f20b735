package main

import (
	"encoding/json"
	"errors"
	"math/rand"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// rivals is how often a write is tried anew because somebody else wrote the key meanwhile.
	rivals = 5
	// nothing is the copy of a product that there is not.
	nothing = "null"
)

// Entry is what the origin said of an id: a product, or nil where there is no such product.
type Entry struct{ Product *Product }

func (e Entry) version() int64 {
	if e.Product == nil {
		return 0
	}
	return e.Product.Version
}

// Cache holds copies of products in Redis: each one lives for a while, and never takes the place of a newer one.
type Cache struct {
	pool             *redis.Pool
	ttl, negativeTTL time.Duration // of a product, and of the knowledge that there is none
}

func NewCache(address string, ttl, negativeTTL time.Duration) *Cache {
	// TODO: how long does this client wait for a Redis that does not answer?
	dial := func() (redis.Conn, error) { return redis.DialURL(address) }
	pool := &redis.Pool{MaxIdle: 10, IdleTimeout: time.Minute, Dial: dial}
	return &Cache{pool: pool, ttl: ttl, negativeTTL: negativeTTL}
}

func (c *Cache) Close() { c.pool.Close() }

// Recall returns what is known of the product. Not found: ask the origin.
func (c *Cache) Recall(id string) (entry Entry, found bool, err error) {
	conn := c.pool.Get()
	defer conn.Close()
	return held(conn, key(id))
}

// Remember keeps the entry, unless what is kept is newer: whoever asked the origin first may come back last, with an old
// answer. WATCH makes looking and writing one step: if somebody writes the key in between, EXEC does nothing.
func (c *Cache) Remember(id string, entry Entry) error {
	body := []byte(nothing)
	if entry.Product != nil {
		var err error
		if body, err = json.Marshal(entry.Product); err != nil {
			return err
		}
	}
	conn := c.pool.Get()
	defer conn.Close()
	for i := 0; i < rivals; i++ {
		if _, err := conn.Do("WATCH", key(id)); err != nil {
			return err
		}
		kept, found, err := held(conn, key(id))
		if err != nil || found && kept.version() > entry.version() {
			return err // the pool gives no connection on that still watches
		}
		conn.Send("MULTI")
		conn.Send("SET", key(id), body, "PX", c.lifetime(entry).Milliseconds())
		done, err := conn.Do("EXEC")
		if err != nil || done != nil {
			return err
		}
	}
	return c.Forget(id)
}

func (c *Cache) Forget(id string) error {
	conn := c.pool.Get()
	defer conn.Close()
	_, err := conn.Do("DEL", key(id))
	return err
}

// lifetime is not the same for all: what is written together should not expire together.
func (c *Cache) lifetime(entry Entry) time.Duration {
	lifetime := c.negativeTTL
	if entry.Product != nil {
		lifetime = time.Duration(float64(c.ttl) * (0.8 + 0.4*rand.Float64()))
	}
	if lifetime < time.Millisecond {
		return time.Millisecond
	}
	return lifetime
}

func key(id string) string { return "catalog:product:" + id }

// held is what is under the key. Anybody can write into Redis: what cannot be read is no copy of anything.
func held(conn redis.Conn, key string) (entry Entry, found bool, err error) {
	body, err := redis.Bytes(conn.Do("GET", key))
	var refused redis.Error
	switch {
	case errors.Is(err, redis.ErrNil), errors.As(err, &refused) && strings.HasPrefix(string(refused), "WRONGTYPE"):
		return Entry{}, false, nil
	case err != nil:
		return Entry{}, false, err
	case string(body) == nothing:
		return Entry{}, true, nil
	}
	product, err := parseProduct(body)
	return Entry{&product}, err == nil, nil
}
