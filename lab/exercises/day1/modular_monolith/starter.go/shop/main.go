// The shop in one process: one database, two groups of routes, and nothing that keeps them apart.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	// TODO: internal/users, internal/orders, internal/notifications; each with its own tables (users_users, orders_orders, ...)
	// and a package root that is all the others may import. What they share moves to packages of its own.
	// TODO: only what MODULES names is there: no routes and no tables of the others. Without users, orders asks USERS_URL.
	routes := http.NewServeMux()
	(&Users{db: db}).Routes(routes)
	(&Orders{db: db}).Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
