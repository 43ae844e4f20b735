package main

import (
	"container/list"
	"encoding/json"
	"sync"
	"time"
)

// remembered is how many users' lists are kept: those of the users seen last.
const remembered = 10_000

// LastGood keeps a list for each user, for a while.
//
// A user's own: what one has ordered is nothing to show to another. In this process only: a fallback that needs Redis is
// one more thing that can be down.
type LastGood struct {
	maxAge time.Duration

	mu     sync.Mutex
	byUser map[string]*list.Element
	oldest *list.List // the front goes first
}

type good struct {
	userID string
	items  []json.RawMessage
	at     time.Time
}

func NewLastGood(maxAge time.Duration) *LastGood {
	return &LastGood{maxAge: maxAge, byUser: map[string]*list.Element{}, oldest: list.New()}
}

func (l *LastGood) Keep(userID string, items []json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byUser[userID]; ok {
		l.oldest.Remove(known)
	}
	l.byUser[userID] = l.oldest.PushBack(good{userID, items, time.Now()})
	if l.oldest.Len() > remembered {
		gone := l.oldest.Remove(l.oldest.Front()).(good)
		delete(l.byUser, gone.userID)
	}
}

// Recall returns what was good for this user not too long ago.
func (l *LastGood) Recall(userID string) ([]json.RawMessage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.byUser[userID]
	if !ok || time.Since(known.Value.(good).at) > l.maxAge {
		return nil, false
	}
	return known.Value.(good).items, true
}
