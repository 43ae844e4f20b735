#!/bin/sh
# What a reader does with redis-cli (the first argument) on the server of REDIS_URL: a line each, the same on every Redis.
cli="$1 -u $REDIS_URL"
$cli flushall
$cli set k v
$cli get k
$cli lpush k x
$cli -3 hset h a 1
$cli -3 hgetall h
$cli nonsense
printf 'SET piped 1\r\nGET piped\r\n' | $cli --pipe | tail -n 1
printf 'multi\nincr n\nincr n\nexec\n' | $cli
$cli -r 3 incr turns
$cli eval 'return {1,2,{3}}' 0
$cli --bigkeys | grep -c biggest
$cli --scan --pattern 'pip*'
$cli info server | grep -c redis_version
$cli client list | grep -c addr=
$cli config get databases
