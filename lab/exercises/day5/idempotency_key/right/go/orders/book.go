package main

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
	"time"
)

type Order struct {
	ID       string `json:"id"`
	UserID   string `json:"user_id"`
	SKU      string `json:"sku"`
	Amount   int64  `json:"amount"`
	Status   string `json:"status"`
	ChargeID string `json:"charge_id"`
	Note     string `json:"note"`
}

// A Request is what is known of one key: what was asked, since when somebody works on it, and what was answered.
type Request struct {
	User    string          `json:"user"`
	Key     string          `json:"key"`
	Asked   string          `json:"asked"`
	OrderID string          `json:"order_id"`
	Since   time.Time       `json:"since"`
	Status  int             `json:"status,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// A Page is a line of the book: what is so from now on. Both parts become true together.
type Page struct {
	Request *Request `json:"request,omitempty"`
	Order   *Order   `json:"order,omitempty"`
}

type owner struct{ user, key string }

// A Book is a file that all instances append to, one at a time; each knows what it has read so far. Callers of one
// instance take turns by `turn`.
type Book struct {
	turn     chan struct{}
	file     *os.File
	read     int64
	requests map[owner]Request
	orders   map[string]Order
	placed   []string
}

func OpenBook(path string) (*Book, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return &Book{
		turn: make(chan struct{}, 1), file: file, requests: map[owner]Request{}, orders: map[string]Order{},
	}, err
}

// Update looks at the book and may write a page; nobody else reads or writes meanwhile. It is on disk when this returns.
func (b *Book) Update(look func() *Page) error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if err := syscall.Flock(int(b.file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	defer syscall.Flock(int(b.file.Fd()), syscall.LOCK_UN)
	if err := b.catchUp(); err != nil {
		return err
	}
	page := look()
	if page == nil {
		return nil
	}
	line, err := json.Marshal(page)
	if err != nil {
		return err
	}
	// What stands behind the last whole line was written by somebody who died over it.
	if err := b.file.Truncate(b.read); err != nil {
		return err
	}
	if _, err := b.file.WriteAt(append(line, '\n'), b.read); err != nil {
		return err
	}
	if err := b.file.Sync(); err != nil {
		return err
	}
	return b.catchUp()
}

func (b *Book) catchUp() error {
	if _, err := b.file.Seek(b.read, 0); err != nil {
		return err
	}
	for lines := bufio.NewReader(b.file); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var page Page
		if err := json.Unmarshal(line, &page); err != nil {
			return err
		}
		if r := page.Request; r != nil {
			b.requests[owner{r.User, r.Key}] = *r
		}
		if o := page.Order; o != nil {
			if _, known := b.orders[o.ID]; !known {
				b.placed = append(b.placed, o.ID)
			}
			b.orders[o.ID] = *o
		}
		b.read += int64(len(line))
	}
}
