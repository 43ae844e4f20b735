package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
)

// most comparisons at once. Nobody waits for them, so if users hangs, what is above is left out.
const most = 64

// A Shadow asks what the new service would have said, beside the customer's request: it is compared, and given to nobody.
type Shadow struct {
	shop, users *Upstream
	mismatches  *Counter
	free        chan struct{}
}

func NewShadow(shop, users *Upstream, mismatches *Counter) *Shadow {
	return &Shadow{shop: shop, users: users, mismatches: mismatches, free: make(chan struct{}, most)}
}

// Compare returns at once. It is only for reads: a registration in the shadow is a second registration.
func (s *Shadow) Compare(call Call, answered Answer) {
	select {
	case s.free <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.free }()
		if s.alike(call, answered) {
			return
		}
		// Perhaps somebody changed it between the two answers: then they agree now.
		if again, err := s.shop.Send(call); err == nil && s.alike(call, again) {
			return
		}
		s.mismatches.Add(prefix)
		logLine("warn", "users answers "+call.Path+" otherwise", map[string]any{"request_id": call.RequestID})
	}()
}

// alike: the same status, and the same content; of an error its status says enough.
func (s *Shadow) alike(call Call, answered Answer) bool {
	other, err := s.users.Send(call)
	if err != nil || other.Status != answered.Status {
		return false
	}
	return answered.Status >= http.StatusBadRequest || sameContent(answered.Body, other.Body)
}

func sameContent(one, other []byte) bool {
	var this, that any
	if json.Unmarshal(one, &this) != nil || json.Unmarshal(other, &that) != nil {
		return bytes.Equal(one, other)
	}
	return reflect.DeepEqual(this, that)
}
