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
	orders := &Orders{db: db, holder: newID()}
	neighbours := &Neighbours{
		Inventory: mustEnv("INVENTORY_URL"),
		Payment:   mustEnv("PAYMENT_URL"),
		Notify:    mustEnv("NOTIFY_URL"),
		Client:    &http.Client{Timeout: envMillis("HTTP_TIMEOUT_MS", 1000)},
	}
	conductor := NewConductor(orders, neighbours, envMillis("SAGA_TIMEOUT_MS", 4000), envMillis("RETRY_DELAY_MS", 200))
	defer inBackground(conductor.Run)()

	place := func(w http.ResponseWriter, r *http.Request) error {
		var order Order
		if err := read(r, &order); err != nil {
			return err
		}
		if order.SKU == "" || len(order.SKU) > 64 || order.Amount <= 0 {
			return invalid("An order has a sku of 1 to 64 bytes, and an amount of more than 0.")
		}
		order.ID, order.Status, order.Reason, order.RequestID = newID(), "pending", "", r.Header.Get("X-Request-ID")
		conductor.Begin(&order)
		if err := orders.Add(r.Context(), order); err != nil {
			return err
		}
		conductor.Notice()
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
		order, err := orders.Find(r.Context(), strings.TrimPrefix(r.URL.Path, "/sagas/"))
		if err != nil {
			return err
		}
		shown := make([]map[string]string, len(steps))
		for i, name := range steps {
			shown[i] = map[string]string{"name": name, "status": order.Saga.Statuses[i]}
		}
		return reply(w, http.StatusOK, map[string]any{"state": order.Saga.State, "steps": shown})
	}
	routes := http.NewServeMux()
	routes.Handle("/orders", methods{http.MethodPost: place})
	routes.Handle("/orders/", methods{http.MethodGet: show})
	routes.Handle("/sagas/", methods{http.MethodGet: saga})
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
