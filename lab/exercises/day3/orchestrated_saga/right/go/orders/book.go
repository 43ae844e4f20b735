package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// An Order is a file, replaced as a whole. `Done` are the calls that have succeeded, `Asked` those that may have.
type Order struct {
	ID        string    `json:"id"`
	SKU       string    `json:"sku"`
	Amount    int64     `json:"amount"`
	Status    string    `json:"status"`
	Reason    *string   `json:"reason"`
	State     string    `json:"state"`
	RequestID string    `json:"request_id"`
	Placed    time.Time `json:"placed"`
	Steps     []Step    `json:"steps"`
}

type Step struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

func (o *Order) ended() bool { return o.State == "completed" || o.State == "compensated" }

// A Book is a folder that all instances share.
type Book struct{ folder string }

func openBook() (Book, error) {
	folder := strings.TrimPrefix(mustEnv("DATABASE_URL"), "sqlite:///") + ".orders"
	return Book{folder}, os.MkdirAll(folder, 0o700)
}

func (b Book) path(id string) string { return filepath.Join(b.folder, filepath.Base(id)+".json") }

func (b Book) read(id string) (*Order, error) {
	text, err := os.ReadFile(b.path(id))
	if err != nil {
		return nil, err
	}
	var order Order
	return &order, json.Unmarshal(text, &order)
}

func (b Book) write(order *Order) error {
	text, err := json.Marshal(order)
	if err != nil {
		return err
	}
	fresh := b.path(order.ID) + ".new"
	file, err := os.Create(fresh)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	file.Close()
	if err != nil {
		return err
	}
	return os.Rename(fresh, b.path(order.ID))
}

func (b Book) all() []string {
	entries, _ := os.ReadDir(b.folder)
	var found []string
	for _, entry := range entries {
		if id := strings.TrimSuffix(entry.Name(), ".json"); id != entry.Name() {
			found = append(found, id)
		}
	}
	return found
}

// hold makes this process the only one that conducts the order, until release is called or the process dies.
func (b Book) hold(id string) (release func(), held bool) {
	lock, err := os.OpenFile(b.path(id)+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		lock.Close()
		return nil, false
	}
	return func() { lock.Close() }, true
}
