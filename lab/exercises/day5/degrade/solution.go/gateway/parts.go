package main

import (
	"context"
	"encoding/json"
	"errors"
)

type Source string

const (
	Fresh   Source = "fresh"
	Stale   Source = "stale" // the last known good
	Default Source = "default"
)

// A Part of a page, and where it is from.
type Part struct {
	Of     string
	Items  []json.RawMessage
	Source Source
}

// OptionalPart is a list that upstream knows of each user: fresh, else the last known good, else a default. Never an
// error, never in silence. The default is what anybody may be shown: it depends on nothing.
type OptionalPart struct {
	Name     string
	Upstream *Upstream
	Memory   *LastGood
	Default  []json.RawMessage
}

// Of asks once. Nothing that upstream does gets out of here as an error.
func (p *OptionalPart) Of(ctx context.Context, userID, path, requestID string) Part {
	items, err := p.ask(ctx, path, requestID)
	if err == nil {
		p.Memory.Keep(userID, items)
		return Part{p.Name, items, Fresh}
	}
	// What stands in is not kept: only what upstream has said itself is ever the last known good.
	part := Part{p.Name, p.Default, Default}
	if known, ok := p.Memory.Recall(userID); ok {
		part = Part{p.Name, known, Stale}
	}
	logLine("warn", p.Name+" left us: "+err.Error(), map[string]any{
		"event": "fallback", "dependency": p.Name, "source": part.Source, "request_id": requestID,
	})
	return part
}

func (p *OptionalPart) ask(ctx context.Context, path, requestID string) ([]json.RawMessage, error) {
	answer, err := p.Upstream.Get(ctx, path, requestID)
	if errors.Is(err, ErrNotThere) {
		return []json.RawMessage{}, nil
	}
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(answer["items"], &items); err != nil || items == nil {
		return nil, errors.New("there is no list of items in the answer")
	}
	return items, nil
}
