package main

import (
	"context"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis, where all instances keep what must be the same for all of them.

const redisTimeout = 2 * time.Second

func connect(address string) *redis.Pool {
	return &redis.Pool{MaxIdle: 20, IdleTimeout: time.Minute, Dial: func() (redis.Conn, error) {
		return redis.DialURL(address, redis.DialConnectTimeout(redisTimeout),
			redis.DialReadTimeout(redisTimeout), redis.DialWriteTimeout(redisTimeout))
	}}
}

// answers is for /readyz.
func answers(pool *redis.Pool) func(context.Context) error {
	return func(context.Context) error {
		conn := pool.Get()
		defer conn.Close()
		_, err := conn.Do("PING")
		return err
	}
}
