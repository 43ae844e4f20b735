// The catalog: products, as the cache layer tells them. Where products are, and which copies there are of them, is the
// layer's matter.
package main

import (
	"errors"
	"net/http"
	"strings"
)

type Change struct {
	Name  string `json:"name"`
	Price int64  `json:"price"`
}

func (c Change) check() error {
	if c.Name == "" || len(c.Name) > 400 {
		return invalid("A name has between 1 and 400 bytes.")
	}
	if c.Price < 0 || c.Price > 1_000_000_000 {
		return invalid("A price is between 0 and 1000000000.")
	}
	return nil
}

func main() {
	layer := &Layer{
		URL:    strings.TrimRight(mustEnv("CACHE_URL"), "/"),
		Client: &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 6000)},
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/products/")
		product, err := layer.Read(r.Context(), id, r.Header.Get("X-Request-ID"))
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}
	change := func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimPrefix(r.URL.Path, "/products/")
		var asked Change
		if err := read(r, &asked); err != nil {
			return err
		}
		if err := asked.check(); err != nil {
			return err
		}
		product, err := layer.Write(r.Context(), id, r.Header.Get("X-Request-ID"), asked)
		if err != nil {
			return refusal(w, id, err)
		}
		return reply(w, http.StatusOK, product)
	}

	routes := http.NewServeMux()
	routes.Handle("/products/", methods{http.MethodGet: show, http.MethodPut: change})
	serve(routes)
}

// refusal is how an error of the layer is answered.
func refusal(w http.ResponseWriter, id string, err error) error {
	switch {
	case errors.Is(err, ErrUnknown):
		return problem(http.StatusNotFound, "unknown_product", "There is no product %s.", id)
	case errors.Is(err, ErrLayerDown):
		logLine("warn", err.Error(), map[string]any{"dependency": "cache"})
		w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "cache_unavailable", "Products cannot be had just now.")
	default:
		return err
	}
}
