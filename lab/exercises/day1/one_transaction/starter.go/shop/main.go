// The shop in one process: one database, three groups of routes.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	orders := &Orders{db: db}
	rest := http.NewServeMux()
	(&Users{db: db}).Routes(rest)
	orders.Routes(rest)
	routes := http.NewServeMux()
	(&Wallet{db: db, orders: orders}).Routes(routes, rest)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
