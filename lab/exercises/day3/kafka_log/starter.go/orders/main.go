// Orders takes orders and changes their status. Each change is told of in the log.
package main

import (
	"net/http"
	"regexp"
	"strings"
)

var aStatus = regexp.MustCompile(`^[a-z]{1,16}$`)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	producer := NewProducer(strings.Split(mustEnv("KAFKA_BOOTSTRAP"), ","))
	defer producer.Close()
	orders, telling := &Orders{db}, &Telling{producer}

	place := func(w http.ResponseWriter, r *http.Request) error {
		var asked struct {
			Amount int64 `json:"amount"`
		}
		if err := read(r, &asked); err != nil {
			return err
		}
		if asked.Amount <= 0 {
			return invalid("amount is more than 0.")
		}
		order, err := orders.Place(r.Context(), asked.Amount)
		if err != nil {
			return err
		}
		if err := telling.Tell(order, r.Header.Get("X-Request-ID")); err != nil {
			return err
		}
		return reply(w, http.StatusCreated, order)
	}
	change := func(w http.ResponseWriter, r *http.Request) error {
		id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/orders/"), "/")
		if what != "status" {
			return problem(http.StatusNotFound, "not_found", "There is nothing here.")
		}
		var asked struct {
			Status string `json:"status"`
		}
		if err := read(r, &asked); err != nil {
			return err
		}
		if !aStatus.MatchString(asked.Status) {
			return invalid("status is a word of 1 to 16 small letters.")
		}
		order, err := orders.Change(r.Context(), id, asked.Status)
		if err != nil {
			return err
		}
		if err := telling.Tell(order, r.Header.Get("X-Request-ID")); err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: place})
	routes.Handle("/orders/", methods{http.MethodPut: change})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
