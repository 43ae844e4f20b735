package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
)

type user struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
}

type item struct {
	SKU   string `json:"sku"`
	Qty   int64  `json:"qty"`
	Price int64  `json:"price"`
}

type order struct {
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Items     []item `json:"items"`
	Total     int64  `json:"total"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
}

// A change is a line of the journal: a row as it is from now on, or one that is gone.
type change struct {
	User      *user  `json:"user,omitempty"`
	Order     *order `json:"order,omitempty"`
	GoneUser  string `json:"gone_user,omitempty"`
	GoneOrder string `json:"gone_order,omitempty"`
}

// A table keeps rows by id, and the ids in the order in which they came; places of deleted rows stay.
type table[T any] struct {
	rows  map[string]*T
	order []string
}

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) put(id string, row *T) {
	if t.rows[id] == nil {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

type shop struct {
	users   *table[user]
	orders  *table[order]
	journal *os.File
}

func open(path string) (*shop, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &shop{&table[user]{rows: map[string]*user{}}, &table[order]{rows: map[string]*order{}}, file}
	lines, sound := bufio.NewReader(file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		var one change
		if err != nil || json.Unmarshal(bytes.TrimSpace(line), &one) != nil {
			break // the last line may be cut: it was never answered
		}
		sound += int64(len(line))
		s.apply(one)
	}
	if err := file.Truncate(sound); err != nil {
		return nil, err
	}
	_, err = file.Seek(sound, 0)
	return s, err
}

// change is on disk before it is in memory.
func (s *shop) change(one change) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	if _, err = s.journal.Write(append(line, '\n')); err != nil {
		return err
	}
	if err = s.journal.Sync(); err != nil {
		return err
	}
	s.apply(one)
	return nil
}

func (s *shop) apply(one change) {
	switch {
	case one.User != nil:
		s.users.put(one.User.ID, one.User)
	case one.Order != nil:
		s.orders.put(one.Order.ID, one.Order)
	case one.GoneUser != "":
		delete(s.users.rows, one.GoneUser)
	case one.GoneOrder != "":
		delete(s.orders.rows, one.GoneOrder)
	}
}

func (s *shop) taken(email, but string) bool {
	for id, user := range s.users.rows {
		if user.Email == email && id != but {
			return true
		}
	}
	return false
}

func (s *shop) hasOrders(id string) bool {
	for _, order := range s.orders.rows {
		if order.UserID == id {
			return true
		}
	}
	return false
}
