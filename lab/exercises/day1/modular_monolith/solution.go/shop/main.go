// The composition root of the shop: the only place that knows all modules. What is switched on is put together here.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"shop/internal/chassis"
	"shop/internal/notifications"
	"shop/internal/orders"
	"shop/internal/users"
)

var schemas = map[string]string{
	"users":         users.Schema,
	"orders":        orders.Schema,
	"notifications": notifications.Schema,
}

func main() {
	on, err := switchedOn()
	chassis.OrExit(err)
	schema := ""
	for name := range on {
		schema += schemas[name]
	}
	db, err := chassis.OpenDatabase(chassis.MustEnv("DATABASE_URL"), schema)
	chassis.OrExit(err)
	defer db.Close()

	routes := http.NewServeMux()
	people := users.New(db)
	if on["users"] {
		people.Routes(routes)
	}
	placed := func(context.Context, string, string) error { return nil }
	if on["notifications"] {
		told := notifications.New(db)
		told.Routes(routes)
		placed = told.OrderPlaced
	}
	if on["orders"] {
		var who orders.Users = people
		if !on["users"] {
			who = users.NewElsewhere(chassis.MustEnv("USERS_URL"))
		}
		book := orders.New(db, who, placed)
		book.Routes(routes)
		people.NeededBy(book.Has) // users knows nothing of orders: it is given a question to ask
	}
	chassis.Serve(routes, chassis.Check{Name: "database", Test: db.PingContext})
}

// switchedOn is what MODULES names; all, if it is not set.
func switchedOn() (map[string]bool, error) {
	on := map[string]bool{}
	names, isSet := os.LookupEnv("MODULES")
	if !isSet {
		names = "users,orders,notifications"
	}
	for _, name := range strings.Split(names, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if _, known := schemas[name]; !known {
			return nil, fmt.Errorf("MODULES=%q: there is no module %s", names, name)
		}
		on[name] = true
	}
	return on, nil
}
