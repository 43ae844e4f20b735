// Orders takes orders. What happens to one is saved, then announced.
package main

import (
	"context"
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	broker := mustEnv("AMQP_URL")
	book := &Orders{db: db, Announce: func(ctx context.Context, event Event) error {
		publisher, err := NewPublisher(broker, service)
		if err != nil {
			return err
		}
		defer publisher.Close()
		return publisher.Publish(ctx, event)
	}}

	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		var asked OrderRequest
		if err := read(r, &asked); err != nil {
			return err
		}
		order, err := book.Place(r.Context(), asked, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}})
	show := methods{http.MethodGet: func(w http.ResponseWriter, r *http.Request) error {
		order, err := book.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/orders/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}}
	cancel := methods{http.MethodPost: func(w http.ResponseWriter, r *http.Request) error {
		id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/orders/"), "/cancel")
		order, err := book.Cancel(r.Context(), id, r.Header.Get("X-Request-ID"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}}
	routes.HandleFunc("/orders/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/cancel") {
			cancel.ServeHTTP(w, r)
		} else {
			show.ServeHTTP(w, r)
		}
	})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
