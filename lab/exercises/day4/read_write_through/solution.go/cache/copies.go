package main

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
)

// inDoubt stands under a key while a write is on its way to the origin, and for a while after one of which nobody knows
// what came: until then nothing is kept of the product. It is in Redis and not in memory, so a crash in the middle of a
// write leaves it there.
const inDoubt = "in doubt"

// Copies are the rows that Redis holds. Every key ends by itself.
type Copies struct {
	pool       *redis.Pool
	ttl, doubt time.Duration
}

// A Copy is what stands under a key: a product, a doubt, or neither.
type Copy struct {
	Product *Product
	InDoubt bool
}

func (c *Copies) Find(id string) (Copy, error) {
	conn := c.pool.Get()
	defer conn.Close()
	body, err := redis.Bytes(conn.Do("GET", key(id)))
	switch {
	case errors.Is(err, redis.ErrNil):
		return Copy{}, nil
	case err != nil:
		return Copy{}, err
	case string(body) == inDoubt:
		return Copy{InDoubt: true}, nil
	}
	product, err := parseProduct(body)
	if err != nil {
		return Copy{}, nil // what cannot be read is no copy of anything
	}
	return Copy{Product: &product}, nil
}

func (c *Copies) Keep(id string, product Product) error {
	body, err := json.Marshal(product)
	if err != nil {
		return err
	}
	return c.set(id, body, c.ttl)
}

// Doubt has the copy gone, and nothing kept for a while.
func (c *Copies) Doubt(id string) error { return c.set(id, []byte(inDoubt), c.doubt) }

func (c *Copies) set(id string, body []byte, lifetime time.Duration) error {
	conn := c.pool.Get()
	defer conn.Close()
	_, err := conn.Do("SET", key(id), body, "PX", lifetime.Milliseconds())
	return err
}

func key(id string) string { return "cache:product:" + id }
