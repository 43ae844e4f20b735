package main

import (
	"container/list"
	"encoding/json"
	"sync"
	"time"
)

const most = 10000

// memory holds the last good lists, the youngest in front; when there are too many, the oldest goes.
type memory struct {
	mu     sync.Mutex
	maxAge time.Duration
	order  *list.List
	byKey  map[string]*list.Element
}

type known struct {
	key  string
	list json.RawMessage
	at   time.Time
}

func NewMemory(maxAge time.Duration) *memory {
	return &memory{maxAge: maxAge, order: list.New(), byKey: map[string]*list.Element{}}
}

func (m *memory) Keep(key string, items json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.byKey[key]; ok {
		m.order.Remove(old)
	}
	m.byKey[key] = m.order.PushFront(known{key, items, time.Now()})
	if m.order.Len() > most {
		oldest := m.order.Back()
		m.order.Remove(oldest)
		delete(m.byKey, oldest.Value.(known).key)
	}
}

func (m *memory) Recall(key string) (json.RawMessage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.byKey[key]
	if !ok || time.Since(found.Value.(known).at) > m.maxAge {
		return nil, false
	}
	return found.Value.(known).list, true
}
