package main

import "sync"

// Flights lets one goroutine a key load, and the others that ask for it wait.
type Flights struct {
	mutex sync.Mutex
	calls map[string]*call
}

type call struct {
	done  chan struct{}
	found *product
	err   error
}

// Do returns what load brings, or what a load that is under way does.
func (f *Flights) Do(key string, load func() (*product, error)) (*product, error) {
	f.mutex.Lock()
	if c, there := f.calls[key]; there {
		f.mutex.Unlock()
		<-c.done
		return c.found, c.err
	}
	c := &call{done: make(chan struct{})}
	f.calls[key] = c
	f.mutex.Unlock()
	c.found, c.err = load()
	f.mutex.Lock()
	if f.calls[key] == c {
		delete(f.calls, key)
	}
	f.mutex.Unlock()
	close(c.done)
	return c.found, c.err
}

// Forget lets the next caller of Do load again, even if a load is under way.
func (f *Flights) Forget(key string) {
	f.mutex.Lock()
	delete(f.calls, key)
	f.mutex.Unlock()
}

// Busy tells whether somebody is loading the key.
func (f *Flights) Busy(key string) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	_, there := f.calls[key]
	return there
}
