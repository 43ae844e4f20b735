// The shop in one process: one database, two groups of routes.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	routes := http.NewServeMux()
	(&Users{db: db}).Routes(routes)
	(&Orders{db: db}).Routes(routes)
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
