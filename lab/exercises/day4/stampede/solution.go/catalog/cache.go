package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// rivals is how often a write is tried anew because somebody else wrote the key meanwhile.
	rivals = 5
	// nothing is the copy of a product that there is not.
	nothing = "null"
	jitter  = 0.2
	// onItsWay is in which a copy that was being written when a doubt arose has arrived, or never will.
	onItsWay = 5 * time.Second
)

// Entry is what the origin said of an id: a product, or nil where there is no such product.
type Entry struct{ Product *Product }

func (e Entry) version() int64 {
	if e.Product == nil {
		return 0
	}
	return e.Product.Version
}

// A Copy is an entry that Redis holds, and for how long it still will.
type Copy struct {
	Entry
	Left time.Duration
}

// Result says how the cache answered.
type Result string

const (
	Hit    Result = "hit"
	Miss   Result = "miss"
	Bypass Result = "bypass" // the cache did not answer, or refused
)

// Cache holds copies of products in Redis: each one lives for a while, and never takes the place of a newer one.
//
// Redis may be gone, stand still or refuse: then there is no copy, and the copies that it was not told of are doubted.
type Cache struct {
	Errors *Counter // by operation

	pool             *redis.Pool
	ttl, negativeTTL time.Duration // of a product, and of the knowledge that there is none
	lockTTL          time.Duration
	doubts           *Doubts
	down             atomic.Bool
}

// NewCache asks nothing, so Redis may come up later. The timeout is for one answer of Redis: left to itself the library
// would wait for ever, and a fallback is as fast as the failure that it waits for.
func NewCache(address string, timeout, ttl, negativeTTL, lockTTL time.Duration) *Cache {
	dial := func() (redis.Conn, error) {
		return redis.DialURL(address, redis.DialConnectTimeout(timeout),
			redis.DialReadTimeout(timeout), redis.DialWriteTimeout(timeout))
	}
	return &Cache{
		Errors:      NewCounter("cache_errors_total", "operation", "recall", "remember", "forget", "claim", "give back", "ping"),
		pool:        &redis.Pool{MaxIdle: 10, IdleTimeout: time.Minute, Dial: dial},
		ttl:         ttl,
		negativeTTL: negativeTTL,
		lockTTL:     lockTTL,
		doubts:      NewDoubts(time.Duration(float64(ttl)*(1+jitter)) + onItsWay),
	}
}

func (c *Cache) Close() { c.pool.Close() }

// Recall returns what is known of the product, if it is a hit. Otherwise: ask the origin.
func (c *Cache) Recall(id string) (Copy, Result) {
	var copied Copy
	var found bool
	err := c.ask("recall", func(conn redis.Conn) (err error) {
		conn.Send("GET", key(id))
		conn.Send("PTTL", key(id))
		conn.Flush()
		if copied.Entry, found, err = readEntry(redis.Bytes(conn.Receive())); err != nil {
			return err
		}
		left, err := redis.Int64(conn.Receive())
		copied.Left = time.Duration(left) * time.Millisecond
		return err
	})
	switch {
	case err != nil:
		return Copy{}, Bypass
	case !found || c.doubts.About(id, copied.version()):
		return Copy{}, Miss
	}
	return copied, Hit
}

// Remember keeps the entry, unless what is kept is newer: whoever asked the origin first may come back last, with an old
// answer. If that fails, whatever is kept and older is doubted.
func (c *Cache) Remember(id string, entry Entry) {
	if c.doubts.About(id, entry.version()) {
		return
	}
	err := c.ask("remember", func(conn redis.Conn) error { return c.put(conn, key(id), entry) })
	if err != nil {
		c.doubts.Raise(id, entry.version())
	}
}

// Forget keeps nothing of the product. If that fails, whatever is kept is doubted.
func (c *Cache) Forget(id string) {
	err := c.ask("forget", func(conn redis.Conn) error {
		_, err := conn.Do("DEL", key(id))
		return err
	})
	if err != nil {
		c.doubts.Raise(id, math.MaxInt64)
	}
}

// Claim tells whether the lock of the product is ours from now on. It ends by itself, set and limited in one command: who
// holds it may die.
func (c *Cache) Claim(id, token string) (ours bool, err error) {
	err = c.ask("claim", func(conn redis.Conn) error {
		answer, err := conn.Do("SET", lock(id), token, "NX", "PX", c.lockTTL.Milliseconds())
		ours = answer != nil
		return err
	})
	return ours && err == nil, err
}

// GiveBack removes the lock if it is still ours: if we took longer than it lives, it is another's by now. If that fails, it
// ends by itself.
func (c *Cache) GiveBack(id, token string) {
	c.ask("give back", func(conn redis.Conn) error {
		if _, err := conn.Do("WATCH", lock(id)); err != nil {
			return err
		}
		holder, err := redis.String(conn.Do("GET", lock(id)))
		if errors.Is(err, redis.ErrNil) || err == nil && holder != token {
			return nil
		}
		if err != nil {
			return err
		}
		conn.Send("MULTI")
		conn.Send("DEL", lock(id))
		_, err = conn.Do("EXEC")
		return err
	})
}

// Check is for /readyz.
func (c *Cache) Check(context.Context) error {
	return c.ask("ping", func(conn redis.Conn) error {
		_, err := conn.Do("PING")
		return err
	})
}

// ask is where every failure of Redis passes: it is counted, and log lines say when it began and when it was over, however
// many requests lie between.
func (c *Cache) ask(operation string, work func(redis.Conn) error) error {
	conn := c.pool.Get()
	defer conn.Close()
	err := work(conn)
	if err != nil {
		c.Errors.Add(operation)
		if !c.down.Swap(true) {
			logLine("warn", "the cache fails, the origin takes over: "+err.Error(), map[string]any{"dependency": "redis"})
		}
	} else if operation == "remember" && c.down.Swap(false) {
		logLine("info", "the cache is back", map[string]any{"dependency": "redis"})
	}
	return err
}

// put: WATCH makes looking and writing one step: if somebody writes the key in between, EXEC does nothing.
func (c *Cache) put(conn redis.Conn, key string, entry Entry) error {
	body := []byte(nothing)
	if entry.Product != nil {
		var err error
		if body, err = json.Marshal(entry.Product); err != nil {
			return err
		}
	}
	for i := 0; i < rivals; i++ {
		if _, err := conn.Do("WATCH", key); err != nil {
			return err
		}
		kept, found, err := held(conn, key)
		if err != nil || found && kept.version() > entry.version() {
			return err // the pool gives no connection on that still watches
		}
		conn.Send("MULTI")
		conn.Send("SET", key, body, "PX", c.lifetime(entry).Milliseconds())
		done, err := conn.Do("EXEC")
		if err != nil || done != nil {
			return err
		}
	}
	_, err := conn.Do("DEL", key)
	return err
}

// lifetime is not the same for all: what is written together should not expire together.
func (c *Cache) lifetime(entry Entry) time.Duration {
	lifetime := c.negativeTTL
	if entry.Product != nil {
		lifetime = time.Duration(float64(c.ttl) * (1 - jitter + 2*jitter*rand.Float64()))
	}
	if lifetime < time.Millisecond {
		return time.Millisecond
	}
	return lifetime
}

func key(id string) string { return "catalog:product:" + id }

func lock(id string) string { return "catalog:lock:" + id }

func held(conn redis.Conn, key string) (entry Entry, found bool, err error) {
	return readEntry(redis.Bytes(conn.Do("GET", key)))
}

// readEntry takes what Redis answered to a GET. Anybody can write there: what cannot be read is no copy of anything.
func readEntry(body []byte, err error) (entry Entry, found bool, _ error) {
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
