package main

import (
	"net/http"
	"sync/atomic"
)

// Stats is /stats: counted from events, and 0 when the process begins.
type Stats struct{ registered atomic.Int64 }

func (s *Stats) Routes(routes *http.ServeMux) {
	routes.Handle("/stats", methods{http.MethodGet: s.show})
}

// Count is told of each new user.
func (s *Stats) Count(UserRegistered) error {
	s.registered.Add(1)
	return nil
}

func (s *Stats) show(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]int64{"registered": s.registered.Load()})
}
