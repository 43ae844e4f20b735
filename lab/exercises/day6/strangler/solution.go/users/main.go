// Users, in a process of their own, with a database of their own. Nobody in here knows of orders.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	routes := http.NewServeMux()
	users := &Users{db: db}
	users.Routes(routes)
	users.CopyRoutes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
