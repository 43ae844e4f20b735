// Orders takes orders and conducts what becomes of each: reserve, charge, confirm, notify, and the way back.
package main

import (
	"net/http"
	"strings"
)

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db}
	conductor := &Conductor{
		Orders: orders,
		Neighbours: &Neighbours{
			Inventory: mustEnv("INVENTORY_URL"),
			Payment:   mustEnv("PAYMENT_URL"),
			Notify:    mustEnv("NOTIFY_URL"),
			Client:    &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
		},
	}

	place := func(w http.ResponseWriter, r *http.Request) error {
		var order Order
		if err := read(r, &order); err != nil {
			return err
		}
		if order.SKU == "" || len(order.SKU) > 64 || order.Amount <= 0 {
			return invalid("An order has a sku of 1 to 64 bytes, and an amount of more than 0.")
		}
		order.ID, order.Status, order.Reason, order.RequestID = newID(), "pending", "", r.Header.Get("X-Request-ID")
		if err := orders.Add(r.Context(), order); err != nil {
			return err
		}
		conductor.Begin(order)
		return reply(w, http.StatusAccepted, order)
	}
	show := func(w http.ResponseWriter, r *http.Request) error {
		order, err := orders.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/orders/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, order)
	}
	saga := func(w http.ResponseWriter, r *http.Request) error {
		found, err := conductor.Show(strings.TrimPrefix(r.URL.Path, "/sagas/"))
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, found)
	}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: place})
	routes.Handle("/orders/", methods{http.MethodGet: show})
	routes.Handle("/sagas/", methods{http.MethodGet: saga})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
