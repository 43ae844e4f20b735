package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// Copies keeps the same users on both sides: one Decides, the other one Follows.
//
// A copy is never made of what a write has answered, but of what the deciding side says now. So copying the same user twice,
// late or in another order does no harm: the last copy is of the last state.
type Copies struct {
	Decides, Follows *Upstream
	oneAtATime       sync.Mutex
	doubts, settled  atomic.Int64
}

// NewCopies begins in doubt: a gateway that starts does not know how far the one before it came.
func NewCopies(decides, follows *Upstream) *Copies {
	copies := &Copies{Decides: decides, Follows: follows}
	copies.Doubt()
	return copies
}

// Turned is the other way round, at a moment in which both sides know the same.
func (c *Copies) Turned() *Copies { return &Copies{Decides: c.Follows, Follows: c.Decides} }

// Good: the follower is known to know all that the other one does.
func (c *Copies) Good() bool { return c.doubts.Load() == c.settled.Load() }

func (c *Copies) Doubt() { c.doubts.Add(1) }

// Copy follows a write. The customer has been served: a follower that is away is no reason to tell him otherwise.
func (c *Copies) Copy(id, requestID string) {
	if err := c.same(id, requestID); err != nil {
		c.Doubt()
		logLine("warn", "not copied: "+err.Error(), map[string]any{"request_id": requestID, "user_id": id})
	}
}

// CatchUp makes good whatever differs; the first time it is the backfill.
func (c *Copies) CatchUp() error {
	seen := c.doubts.Load()
	record, err := everybody(c.Decides)
	if err != nil {
		return err
	}
	copied, err := everybody(c.Follows)
	if err != nil {
		return err
	}
	for id := range copied {
		if _, known := record[id]; !known {
			record[id] = nil
		}
	}
	for id, user := range record {
		if user == nil || copied[id] == nil || *user != *copied[id] {
			if err := c.same(id, "gen-catching-up"); err != nil {
				return err
			}
		}
	}
	c.settled.Store(seen)
	return nil
}

// same reads and writes as one step: between the two, nobody may copy a newer state that this one would undo.
func (c *Copies) same(id, requestID string) error {
	c.oneAtATime.Lock()
	defer c.oneAtATime.Unlock()
	found, err := asked(c.Decides, Call{Method: http.MethodGet, Path: userPath(prefix, id), RequestID: requestID},
		http.StatusOK, http.StatusNotFound)
	if err != nil {
		return err
	}
	call := Call{Method: http.MethodPut, Path: userPath("/copies", id), Body: found.Body, ContentType: "application/json", RequestID: requestID}
	if found.Status == http.StatusNotFound {
		call.Method, call.Body = http.MethodDelete, nil
	}
	_, err = asked(c.Follows, call, http.StatusNoContent)
	return err
}

// A Customer is a user as either side shows him.
type Customer struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	CreatedAt string `json:"created_at"`
}

func everybody(side *Upstream) (map[string]*Customer, error) {
	found := map[string]*Customer{}
	path := prefix + "?limit=100"
	for {
		answer, err := asked(side, Call{Method: http.MethodGet, Path: path, RequestID: "gen-catching-up"}, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var page struct {
			Items      []*Customer `json:"items"`
			NextCursor *string     `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer.Body, &page); err != nil {
			return nil, fmt.Errorf("%s shows no page of users: %w", side.Name, err)
		}
		for _, user := range page.Items {
			found[user.ID] = user
		}
		if page.NextCursor == nil {
			return found, nil
		}
		path = prefix + "?limit=100&cursor=" + url.QueryEscape(*page.NextCursor)
	}
}

func asked(side *Upstream, call Call, wanted ...int) (Answer, error) {
	answer, err := side.Send(call)
	if err != nil {
		return answer, err
	}
	for _, status := range wanted {
		if answer.Status == status {
			return answer, nil
		}
	}
	return answer, fmt.Errorf("%s answers %s %s with %d", side.Name, call.Method, call.Path, answer.Status)
}
