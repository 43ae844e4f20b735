// What a service in Go does with redigo: one line for each thing, the same on every Redis.
package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

func tell(name string, value interface{}, err error) {
	if err != nil {
		value = "error " + strings.SplitN(err.Error(), " ", 2)[0]
	}
	if text, fine := value.([]byte); fine {
		value = string(text)
	}
	fmt.Printf("%s: %v\n", name, value)
}

func main() {
	pool := &redis.Pool{MaxIdle: 10, Dial: func() (redis.Conn, error) {
		return redis.DialURL(os.Getenv("REDIS_URL"), redis.DialClientName("conformance"), redis.DialReadTimeout(20*time.Second))
	}}
	conn := pool.Get()
	do := func(name string, command string, args ...interface{}) {
		value, err := conn.Do(command, args...)
		tell(name, value, err)
	}
	do("flush", "FLUSHALL")
	do("name", "CLIENT", "GETNAME")
	do("set with expiry", "SET", "k", "v", "EX", 60, "NX")
	do("set again", "SET", "k", "v", "NX")
	do("get", "GET", "k")
	do("nil", "GET", "nothing")
	do("wrong type", "LPUSH", "k", "x")
	do("unknown command", "NONSENSE")
	conn.Do("HSET", "h", "a", 1)
	hash, err := redis.StringMap(conn.Do("HGETALL", "h"))
	tell("hash", hash, err)
	big := strings.Repeat("x", 5_000_000)
	conn.Do("SET", "big", big)
	got, err := redis.String(conn.Do("GET", "big"))
	tell("five megabytes", len(got), err)

	for i := 0; i < 10_000; i++ {
		conn.Send("SET", fmt.Sprintf("scan:%d", i), i)
	}
	conn.Flush()
	for i := 0; i < 10_000; i++ {
		conn.Receive()
	}
	seen, cursor := map[string]bool{}, "0"
	for turn := 0; turn == 0 || cursor != "0"; turn++ {
		page, err := redis.Values(conn.Do("SCAN", cursor, "MATCH", "scan:*", "COUNT", 500))
		if err != nil {
			tell("scan", nil, err)
			break
		}
		cursor, _ = redis.String(page[0], nil)
		keys, _ := redis.Strings(page[1], nil)
		for _, key := range keys {
			seen[key] = true
		}
	}
	tell("scan", len(seen), nil)

	conn.Send("MULTI")
	conn.Send("INCR", "n")
	conn.Send("INCR", "n")
	do("transaction", "EXEC")
	conn.Send("MULTI")
	conn.Send("NONSENSE")
	do("bad transaction", "EXEC")
	conn.Do("WATCH", "n")
	other := pool.Get()
	other.Do("SET", "n", 9)
	other.Close()
	conn.Send("MULTI")
	conn.Send("INCR", "n")
	do("conflict", "EXEC")

	ran, err := redis.Strings(redis.NewScript(1, "return {KEYS[1], ARGV[1]}").Do(conn, "a", "b"))
	tell("script", ran, err)
	do("no script", "EVALSHA", strings.Repeat("f", 40), 0)
	do("group", "XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
	do("busy group", "XGROUP", "CREATE", "s", "g", "$")
	do("no group", "XREADGROUP", "GROUP", "none", "c", "STREAMS", "s", ">")

	popped := make(chan []string)
	go func() {
		blocked := pool.Get()
		defer blocked.Close()
		job, _ := redis.Strings(blocked.Do("BLPOP", "queue", 5))
		popped <- job
	}()
	do("push", "RPUSH", "queue", "job")
	tell("blocking", <-popped, nil)

	listener := redis.PubSubConn{Conn: pool.Get()}
	listener.Subscribe("news")
	tell("subscribed", listener.Receive(), nil)
	do("publish", "PUBLISH", "news", "one")
	tell("message", string(listener.Receive().(redis.Message).Data), nil)
	listener.Ping("there")
	tell("pong", listener.Receive(), nil)
	listener.Unsubscribe()
	tell("unsubscribed", listener.Receive(), nil)
	listener.Close()

	var group sync.WaitGroup
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			one := pool.Get()
			defer one.Close()
			one.Do("INCR", "many")
			one.Do("BLPOP", "nothing", 0.2)
		}()
	}
	group.Wait()
	do("many connections", "GET", "many")
	do("config", "CONFIG", "GET", "databases")
}
