package main

import (
	"time"

	"github.com/gomodule/redigo/redis"
)

// A Limiter lets in so many requests of each user in a window, whichever instances they come to. The count of a user begins
// with their first request and is gone when the window is over: SET NX EX begins it, with its end, and INCR counts, in one
// step for everybody. So no two are given the same number, and no count is left without an end.
type Limiter struct {
	redis         *redis.Pool
	limit, window int
}

// Wait is 0 if the user may go on, or how long they have to wait.
func (l *Limiter) Wait(user string) (time.Duration, error) {
	conn := l.redis.Get()
	defer conn.Close()
	key := "orders:limit:" + user
	conn.Send("MULTI")
	conn.Send("SET", key, 0, "NX", "EX", l.window)
	conn.Send("INCR", key)
	conn.Send("PTTL", key)
	said, err := redis.Values(conn.Do("EXEC"))
	if err != nil {
		return 0, err
	}
	var number, left int64
	if _, err := redis.Scan(said[1:], &number, &left); err != nil || number <= int64(l.limit) {
		return 0, err
	}
	if left < 1 {
		left = 1
	}
	return time.Duration(left) * time.Millisecond, nil
}
