package main

import (
	"encoding/json"
	"os"
	"sync"
)

// A State is in memory and, whole, in a file: a change is done when the new file has replaced the old one.
type State[T any] struct {
	mutex sync.Mutex
	path  string
	is    T
}

func openState[T any](path string, empty T) (*State[T], error) {
	s := &State[T]{path: path, is: empty}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(text, &s.is)
}

func (s *State[T]) look(at func(T)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at(s.is)
}

// change must leave everything as it was if it returns an error.
func (s *State[T]) change(by func(T) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := by(s.is); err != nil {
		return err
	}
	text, err := json.Marshal(s.is)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(s.path+".new", s.path)
}
