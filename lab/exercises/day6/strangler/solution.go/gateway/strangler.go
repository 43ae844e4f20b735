package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// lookAgain passes between two attempts to catch up, while the follower may lack something.
const lookAgain = 500 * time.Millisecond

// A Strangler answers /users. One side decides: it takes all writes. The other one follows, and may be asked to read.
type Strangler struct {
	Mismatches  *Counter
	shop, users *Upstream
	table       *Routes
	shadow      *Shadow
	turning     sync.Mutex
	gate        sync.RWMutex // writes pass it side by side; who makes somebody else decide has it alone

	mu     sync.Mutex
	route  Route
	copies *Copies
}

func NewStrangler(ctx context.Context, table *Routes, shop, users *Upstream) (*Strangler, error) {
	target, err := table.Get(ctx, prefix)
	if err != nil {
		return nil, err
	}
	route, known := parseRoute(target)
	if !known {
		return nil, fmt.Errorf("the routing table has %q for %s", target, prefix)
	}
	copies := NewCopies(shop, users)
	if route.New {
		copies = NewCopies(users, shop)
	}
	mismatches := NewCounter("shadow_mismatch_total", "prefix", prefix)
	return &Strangler{
		Mismatches: mismatches, shop: shop, users: users, table: table,
		shadow: NewShadow(shop, users, mismatches), route: route, copies: copies,
	}, nil
}

func (s *Strangler) now() (Route, *Copies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route, s.copies
}

// Answer gives an error where nobody who may answer does.
func (s *Strangler) Answer(call Call) (Answer, error) {
	if call.Method != http.MethodGet && call.Method != http.MethodHead {
		s.gate.RLock()
		defer s.gate.RUnlock()
		return s.write(call)
	}
	route, copies := s.now()
	switch {
	case userID(call) == "": // a list: the cursors of the two sides differ
		return copies.Decides.Send(call)
	case route.New:
		return s.readNew(call)
	case copies.Good() && rand.Intn(100) < route.Share:
		if answer, err := s.users.Send(call); err == nil && answer.Status < http.StatusInternalServerError {
			return answer, nil
		}
	}
	answer, err := s.shop.Send(call)
	if err == nil && route.Shadow {
		s.shadow.Compare(call, answer)
	}
	return answer, err
}

func (s *Strangler) readNew(call Call) (Answer, error) {
	answer, err := s.users.Send(call)
	if err == nil && answer.Status < http.StatusInternalServerError {
		return answer, nil
	}
	// What the follower does not know may be there all the same: a 404 from it is no answer.
	if copied, failed := s.shop.Send(call); failed == nil && copied.Status == http.StatusOK {
		return copied, nil
	}
	return answer, err
}

// write sends once, to one side: a write that may have been done is done twice by whoever sends it again.
func (s *Strangler) write(call Call) (Answer, error) {
	route, copies := s.now()
	answer, err := copies.Decides.Send(call)
	if err != nil || answer.Status >= http.StatusInternalServerError {
		copies.Doubt() // it may have been done
		return answer, err
	}
	if !route.Copied() || answer.Status >= http.StatusBadRequest {
		return answer, nil
	}
	id := userID(call)
	if id == "" {
		var made Customer
		if json.Unmarshal(answer.Body, &made) != nil {
			copies.Doubt()
			return answer, nil
		}
		id = made.ID
	}
	copies.Copy(id, call.RequestID)
	return answer, nil
}

// Turn lets somebody else answer. Nothing has changed if it gives an error.
//
// Most is copied while customers go on writing. What they wrote meanwhile is little, and is copied while they wait: from the
// moment in which both sides know the same, the next write is the new one's.
func (s *Strangler) Turn(route Route) error {
	s.turning.Lock()
	defer s.turning.Unlock()
	before, copies := s.now()
	if !route.Copied() && !before.New { // nobody has to know anything: the way out that is always open
		return s.become(route, copies)
	}
	if err := copies.CatchUp(); err != nil {
		return err
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := copies.CatchUp(); err != nil {
		return err
	}
	if route.New != before.New {
		copies = copies.Turned()
	}
	return s.become(route, copies)
}

func (s *Strangler) become(route Route, copies *Copies) error {
	if err := s.table.Put(context.Background(), prefix, route.Target); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.route, s.copies = route, copies
	return nil
}

// KeepUp copies later what could not be copied when it was written, until ctx is done.
func (s *Strangler) KeepUp(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, lookAgain)
		s.keepUp()
	}
}

func (s *Strangler) keepUp() {
	s.turning.Lock() // or it would go on copying in a direction that has just turned
	defer s.turning.Unlock()
	if route, copies := s.now(); route.Copied() && !copies.Good() {
		if err := copies.CatchUp(); err != nil {
			logLine("info", "cannot catch up: "+err.Error(), nil)
		}
	}
}

// userID is whose the request is; empty for the list and for a registration.
func userID(call Call) string {
	path, _, _ := strings.Cut(call.Path, "?")
	id, err := url.PathUnescape(strings.TrimPrefix(strings.TrimPrefix(path, prefix), "/"))
	if err != nil {
		return path
	}
	return id
}
