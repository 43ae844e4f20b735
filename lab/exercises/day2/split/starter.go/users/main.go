// Users, in a process of their own, with a database of their own. Nobody in here knows of orders.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	routes := http.NewServeMux()
	(&Users{db: db}).Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
