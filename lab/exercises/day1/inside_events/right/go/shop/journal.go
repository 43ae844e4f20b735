package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
	"syscall"
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

type note struct {
	ID       string `json:"id"`
	UserID   string `json:"user_id"`
	Template string `json:"template"`
	Status   string `json:"status"`
}

// A change is a line of the journal: a row as it is from now on, or one that is gone.
type change struct {
	Note      *note  `json:"note,omitempty"`
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

func newTable[T any]() *table[T] { return &table[T]{rows: map[string]*T{}} }

func (t *table[T]) get(id string) *T { return t.rows[id] }

func (t *table[T]) put(id string, row *T) {
	if t.rows[id] == nil {
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

type shop struct {
	mutex  sync.Mutex
	file   *os.File
	read   int64
	users  *table[user]
	orders *table[order]
	notes  map[string][]*note // by user
}

// The first line of a file of ours.
const title = `{"file":"shop","version":1}`

func open(path string) (*shop, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &shop{file: file, users: newTable[user](), orders: newTable[order](), notes: map[string][]*note{}}
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if s.read == 0 {
		err = s.append([]byte(title))
	}
	return s, err
}

// enter waits until neither another request nor another instance is at the file, and knows then all that they wrote.
func (s *shop) enter() (leave func(), err error) {
	s.mutex.Lock()
	if err := syscall.Flock(int(s.file.Fd()), syscall.LOCK_EX); err != nil {
		s.mutex.Unlock()
		return nil, err
	}
	leave = func() {
		syscall.Flock(int(s.file.Fd()), syscall.LOCK_UN)
		s.mutex.Unlock()
	}
	if err := s.catchUp(); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// catchUp reads what others have written. A last line that is cut was never answered: whoever wrote it was killed.
func (s *shop) catchUp() error {
	if _, err := s.file.Seek(s.read, io.SeekStart); err != nil {
		return err
	}
	for lines := bufio.NewReader(s.file); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return s.file.Truncate(s.read)
		}
		var one change
		if err == nil {
			err = json.Unmarshal(line, &one)
		}
		if err != nil {
			return err
		}
		s.read += int64(len(line))
		s.apply(one)
	}
}

// change is in the file before it is in memory.
func (s *shop) change(one change) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	if err := s.append(line); err != nil {
		return err
	}
	s.apply(one)
	return nil
}

func (s *shop) append(line []byte) error {
	if _, err := s.file.WriteAt(append(line, '\n'), s.read); err != nil {
		return err
	}
	s.read += int64(len(line)) + 1
	return s.file.Sync()
}

func (s *shop) apply(one change) {
	switch {
	case one.Note != nil:
		s.notes[one.Note.UserID] = append(s.notes[one.Note.UserID], one.Note)
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
