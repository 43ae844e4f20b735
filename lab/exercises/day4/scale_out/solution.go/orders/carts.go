package main

import (
	"encoding/json"

	"github.com/gomodule/redigo/redis"
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

// Carts are lists of Redis: whichever instance is asked, it is the same cart. RPUSH adds to it in one step; whoever reads a
// cart, adds, and writes it back loses what another instance has added meanwhile.
type Carts struct{ redis *redis.Pool }

// Add gives the item an id that no other instance gives: it is drawn, not counted.
func (c *Carts) Add(id string, asked NewItem) (Item, error) {
	item := Item{newID(), asked.SKU, asked.Qty}
	body, err := json.Marshal(item)
	if err != nil {
		return item, err
	}
	conn := c.redis.Get()
	defer conn.Close()
	_, err = conn.Do("RPUSH", "orders:cart:"+id, body)
	return item, err
}

// Find shows a cart; one that nobody has filled has no items.
func (c *Carts) Find(id string) (Cart, error) {
	conn := c.redis.Get()
	defer conn.Close()
	stored, err := redis.ByteSlices(conn.Do("LRANGE", "orders:cart:"+id, 0, -1))
	cart := Cart{id, make([]Item, len(stored))}
	for i := 0; i < len(stored) && err == nil; i++ {
		err = json.Unmarshal(stored[i], &cart.Items[i])
	}
	return cart, err
}
