// Users, in a process of their own: over HTTP for everybody, over gRPC for neighbours.
package main

import "net/http"

func main() {
	db, err := openDatabase(mustEnv("DATABASE_URL"), schema)
	orExit(err)
	defer db.Close()
	users := &Users{db: db}
	routes := http.NewServeMux()
	users.Routes(routes)
	stop := serveRPC(users)
	defer stop()
	serve(routes, Check{Name: "database", Test: db.PingContext})
}
