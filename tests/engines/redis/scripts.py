"""What clients say to Redis: scripts (see `talk`), by what they are about. Each begins with an empty server."""

from __future__ import annotations

NO_RESP = "bytes that are no command"
SCRIPTS = {
    "connections": r"""
        a PING
        a PING hello
        a ECHO hello
        a ping
        a $PING\r\n
        a $PING\n
        a $  set  inline  'a b'  \r\n
        a $GET inline\n
        a $\r\nECHO "x\\x41y"\r\n
        a $GET "open\r\n
        a <
        b HELLO 9
        b HELLO two
        b HELLO 3 AUTH
        b ~ HELLO 2 SETNAME me
        b CLIENT GETNAME
        b ~ HELLO 3
        b ~ HELLO
        b GET nothing
        b ~ HELLO 2
        b AUTH secret
        b AUTH default secret
        b AUTH nobody secret
        b HELLO 2 AUTH nobody secret
        b SELECT 15
        b SET here 1
        b SELECT 16
        b SELECT -1
        b SELECT one
        b GET here
        b RESET
        b GET here
        b CLIENT GETNAME
        b NONSENSE a b
        b GET
        b GET a b
        b SET a
        b PING a b
        b QUIT
        b <
    """,
    NO_RESP: r"""
        a $*1\r\n$x\r\n
        a <
        b $*1\r\n:5\r\n
        b <
        c $*-7\r\nPING\r\n
        d $*3000000000\r\n
        d <
        e PING
    """,
    "passwords and other refusals": r"""
        a CONFIG SET requirepass secret
        b GET k
        b PING
        b HELLO 3
        b AUTH wrong
        b AUTH default wrong
        b $GET k\n
        b MULTI
        b AUTH secret
        b GET k
        c ~ HELLO 3 AUTH default secret SETNAME me
        c CLIENT GETNAME
        c RESET
        c GET k
        a CONFIG SET requirepass ""
        d GET k
        a CONFIG SET maxmemory 1
        a SET k v
        a GET k
        a DEL k
        a CONFIG SET maxmemory 0
        a CONFIG SET min-replicas-to-write 1
        a SET k v
        a CONFIG SET min-replicas-to-write 0
        a ACL SETUSER reader on >pw +get ~public:*
        e AUTH reader pw
        e GET public:k
        e GET private
        e SET public:k v
        e EVAL "return 1" 0
        a ACL DELUSER reader
        e <
    """,
    "clients": r"""
        a ~ CLIENT ID
        a ~ CLIENT INFO
        a ~ CLIENT LIST
        a ~ CLIENT LIST TYPE pubsub
        a CLIENT LIST TYPE nonsense
        a CLIENT SETNAME "with blank"
        a CLIENT SETNAME worker
        a CLIENT GETNAME
        a CLIENT SETINFO lib-name ioredis
        a CLIENT SETINFO LIB-VER 5.4.1
        a CLIENT NO-EVICT on
        a CLIENT NO-EVICT maybe
        a CLIENT NO-TOUCH on
        a CLIENT TRACKING off
        a CLIENT TRACKING on BCAST PREFIX user:
        a CLIENT TRACKINGINFO
        a CLIENT CACHING yes
        a CLIENT GETREDIR
        a CLIENT UNBLOCK 999999
        a CLIENT KILL ID 999999
        a CLIENT KILL 127.0.0.1:1
        a CLIENT PAUSE 0
        a CLIENT UNPAUSE
        a CLIENT NONSENSE
        a CLIENT
        a ~ CLIENT HELP
        a CLIENT REPLY ON
        a READONLY
        a READWRITE
        a CLUSTER INFO
        a CLUSTER SLOTS
    """,
    "server": r"""
        a ~ INFO
        a ~ INFO server
        a ~ INFO everything
        a INFO nonsense
        a ~ INFO server clients
        a ~ TIME
        a ~ LASTSAVE
        a DBSIZE
        a ~ ROLE
        b ROLE now
        a CONFIG GET maxmemory
        a ~ CONFIG GET maxmemory maxmemory-policy
        a CONFIG GET databases
        a CONFIG GET appendonly
        a CONFIG GET save
        a CONFIG GET nonsense
        a ~ CONFIG GET *
        a CONFIG SET maxmemory 10mb
        a CONFIG GET maxmemory
        a CONFIG SET maxmemory 0 timeout 0
        a CONFIG SET maxmemory nonsense
        a CONFIG SET nonsense 1
        a CONFIG SET notify-keyspace-events KEA
        a CONFIG GET notify-keyspace-events
        a CONFIG SET notify-keyspace-events ""
        a CONFIG RESETSTAT
        a CONFIG REWRITE
        a CONFIG NONSENSE
        a CONFIG SET dir /tmp
        a ~ COMMAND
        a ~ COMMAND COUNT
        a ~ COMMAND LIST
        a ~ COMMAND INFO get
        a COMMAND INFO nonsense
        a ~ COMMAND DOCS get
        a COMMAND GETKEYS SET k v
        a COMMAND GETKEYS PING
        a COMMAND GETKEYSANDFLAGS GET k
        a MEMORY USAGE nothing
        a ~ MEMORY STATS
        a ~ MEMORY DOCTOR
        a ~ SLOWLOG LEN
        a ~ SLOWLOG GET
        a SLOWLOG RESET
        a LATENCY RESET
        a ~ LATENCY LATEST
        a DEBUG SLEEP 0
        a MODULE LIST
        a ACL WHOAMI
        a ~ ACL LIST
        a ACL CAT nonsense
        a ACL GETUSER nobody
        a WAIT 0 0
        a PUBSUB CHANNELS
        a REPLICAOF NO ONE
        a ~ SAVE
        a FLUSHALL ASYNC
        a FLUSHALL NONSENSE
        a SWAPDB 0 1
        a SWAPDB 0 99
        a ~ LOLWUT
        a FAILOVER ABORT
        a BGSAVE NONSENSE
    """,
    "keys": r"""
        a SET k v
        a EXISTS k k nothing
        a TYPE k
        a TYPE nothing
        a OBJECT ENCODING k
        a SET n 12
        a OBJECT ENCODING n
        a OBJECT REFCOUNT k
        a ~ OBJECT IDLETIME k
        a OBJECT FREQ k
        a OBJECT ENCODING nothing
        a OBJECT NONSENSE k
        a ~ OBJECT HELP
        a ~ MEMORY USAGE k
        a EXPIRE k 100
        a ~ TTL k
        a EXPIRE k 50 GT
        a EXPIRE k 500 NX
        a EXPIRE k soon
        a EXPIRE nothing 10
        a PERSIST k
        a PERSIST k
        a ~ TTL k
        a TTL nothing
        a EXPIREAT k 33177117420
        a EXPIRETIME k
        a PEXPIRETIME nothing
        a PEXPIRE k 0
        a EXISTS k
        a SET k v EX 100
        a SET k v KEEPTTL
        a ~ TTL k
        a SET k v EX 0
        a SET k v EX -1
        a SET k v EX 10 PX 10
        a SET k v NX XX
        a SET k v NX
        a SET k w XX GET
        a SET k w NONSENSE
        a GETEX k PERSIST
        a GETDEL k
        a GETDEL k
        a RENAME nothing x
        a RENAME n m
        a RENAMENX m m
        a COPY m m2
        a COPY m m2
        a COPY m m2 REPLACE
        a MOVE m2 5
        a TOUCH m nothing
        a UNLINK m nothing
        a DEL a b c
        a KEYS *
        a RANDOMKEY
        a SCAN 0
        a SCAN 0 MATCH x* COUNT 10 TYPE string
        a SCAN nonsense
        a SCAN 0 COUNT 0
        a ~ DUMP inline
        a RESTORE k 0 garbage
        a RPUSH sorted 3 1 2
        a SORT sorted
        a SORT sorted DESC LIMIT 0 2
        a SORT sorted STORE into
        a SORT_RO sorted ALPHA
        a RPUSH words b a
        a SORT words
        a SORT words ALPHA
    """,
    "strings": r"""
        a SET k 5
        a INCR k
        a INCRBY k 10
        a DECR k
        a INCRBYFLOAT k 0.5
        a INCR k
        a SET big 9223372036854775807
        a INCR big
        a INCRBY k x
        a APPEND s hello
        a STRLEN s
        a GETRANGE s 1 -2
        a SETRANGE s 10 x
        a GET s
        a SETRANGE s -1 x
        a GETSET s new
        a GETSET nothing2 x
        a MSET a 1 b 2
        a MSET a 1 b
        a MSETNX a 1 c 3
        a MGET a b nothing
        a SETNX a 9
        a SETEX e 10 v
        a SETEX e 0 v
        a PSETEX e 10000 v
        a SETBIT bits 7 1
        a GETBIT bits 7
        a SETBIT bits 7 2
        a BITCOUNT bits
        a BITCOUNT bits 0 0 BIT
        a BITPOS bits 1
        a BITOP NOT inv bits
        a BITFIELD f SET u8 0 255 INCRBY u8 0 10 OVERFLOW FAIL INCRBY u8 0 255
        a LCS a b
        a SUBSTR s 0 1
        a PFADD h a b c
        a PFCOUNT h
        a PFMERGE hh h
        a PFADD s x
        a SET bin "\x00\xff\r\n"
        a GET bin
        a LPUSH k x
        a HGET k f
        a SADD k x
        a ZADD k 1 x
        a XADD k * f v
        a GET nothing
    """,
    "lists": r"""
        a RPUSH l a b c d
        a LPUSH l z
        a LRANGE l 0 -1
        a LRANGE l 0 x
        a LLEN l
        a LINDEX l 0
        a LINDEX l 99
        a LSET l 0 y
        a LSET l 99 y
        a LSET nothing 0 y
        a LINSERT l BEFORE b x
        a LINSERT l NOWHERE b x
        a LREM l 0 x
        a LPOS l c
        a LPOS l c RANK 0
        a LTRIM l 0 2
        a LPOP l
        a LPOP l 2
        a LPOP l
        a LPOP l 2
        a LPOP l -1
        a RPUSHX nothing a
        a RPUSH src 1 2 3
        a LMOVE src dst LEFT RIGHT
        a RPOPLPUSH src dst
        a LMPOP 2 nothing dst LEFT COUNT 2
        a LMPOP 0 x LEFT
        a BLPOP src 0.01
        a BLPOP src 0.01
        a BLPOP src -1
        a BLPOP src soon
        b & BLPOP waited 0
        a ~ CLIENT LIST
        a RPUSH waited one
        b <
        b & BRPOP waited other 0
        a ~ CLIENT LIST
        a LPUSH other two
        b <
        b & BLMOVE waited into LEFT LEFT 0
        a ~ CLIENT LIST
        a RPUSH waited three
        b <
        a LRANGE into 0 -1
        b BLMPOP 0.01 1 waited LEFT
        a OBJECT ENCODING src
        a GET dst
        a SET string x
        a BLPOP string 0
    """,
    "hashes": r"""
        a HSET h f 1 g 2
        a HSET h f
        a HSET h f 1
        a HGET h f
        a HMGET h f nothing
        a HGETALL h
        a HGETALL nothing
        a HINCRBY h f 5
        a HINCRBYFLOAT h f 0.5
        a HINCRBY h f 1
        a HSETNX h f 1
        a HKEYS h
        a HVALS h
        a HLEN h
        a HSTRLEN h f
        a HEXISTS h f
        a HDEL h f nothing
        a HRANDFIELD h
        a HRANDFIELD h 1 WITHVALUES
        a HSCAN h 0
        a HMSET h a 1 b 2
        a OBJECT ENCODING h
        a HGET nothing f
        a LPUSH h x
        a HSET
    """,
    "sets": r"""
        a SADD s a
        a SADD s a b
        a SADD t b c
        a SCARD s
        a SISMEMBER s a
        a SMISMEMBER s a x
        a SINTER s t
        a SINTERCARD 2 s t
        a SINTERSTORE i s t
        a SDIFF s t
        a SUNIONSTORE u s t
        a SMEMBERS i
        a SMEMBERS nothing
        a SMOVE s t a
        a SREM s nothing
        a SPOP s
        a SPOP s 2
        a SPOP nothing
        a SRANDMEMBER i
        a SRANDMEMBER i -2
        a SADD ints 1 2 3
        a OBJECT ENCODING ints
        a SSCAN ints 0
        a GET ints
    """,
    "sorted sets": r"""
        a ZADD z 1 a 2 b 3 c
        a ZADD z x a
        a ZADD z NX GT 1 a
        a ZADD z XX CH 5 a
        a ZADD z INCR 1 a
        a ZADD z NX INCR 1 a
        a ZSCORE z a
        a ZSCORE z nothing
        a ZMSCORE z a nothing
        a ZINCRBY z 1.5 b
        a ZRANGE z 0 -1
        a ZRANGE z 0 -1 WITHSCORES
        a ZRANGE z (1 +inf BYSCORE LIMIT 0 1
        a ZRANGE z 0 -1 BYLEX
        a ZRANGE z 0 1 LIMIT 0 1
        a ZREVRANGE z 0 0 WITHSCORES
        a ZRANGEBYSCORE z -inf +inf WITHSCORES
        a ZRANGEBYSCORE z x y
        a ZRANGEBYLEX z - +
        a ZRANK z a
        a ZRANK z nothing
        a ZREVRANK z a
        a ZCOUNT z 0 10
        a ZLEXCOUNT z - +
        a ZCARD z
        a ZADD y 1 a
        a ZUNION 2 z y WITHSCORES
        a ZINTER 2 z y WITHSCORES
        a ZDIFF 2 z y
        a ZINTERCARD 2 z y
        a ZUNIONSTORE u 2 z y WEIGHTS 2 1 AGGREGATE MAX
        a ZUNIONSTORE u 0 z
        a ZPOPMIN z
        a ZPOPMAX z 2
        a ZPOPMIN nothing
        a BZPOPMIN u 1
        a BZPOPMIN nothing 0.01
        b & BZPOPMAX waited 0
        a ~ CLIENT LIST
        a ZADD waited 1.5 one
        b <
        a ZMPOP 1 u MIN
        a BZMPOP 0.01 1 nothing MIN
        a ZRANDMEMBER y
        a ZREMRANGEBYRANK y 0 0
        a ZSCAN u 0
        a ZADD inf +inf a -inf b
        a ZRANGE inf 0 -1 WITHSCORES
        a ZADD inf nan x
        a GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        a GEODIST g Palermo Catania km
        a GEODIST g Palermo nowhere
        a GEOHASH g Palermo
        a GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST
        a GEOADD g 200 100 nowhere
    """,
    "streams": r"""
        a XADD s 1-1 f v
        a XADD s 1-1 f v
        a XADD s 0-0 f v
        a XADD s 1-* f v
        a XADD s 5 f v g w
        a XADD s
        a XADD s 9 f
        a XADD nothing NOMKSTREAM * f v
        a XLEN s
        a XRANGE s - +
        a XRANGE s (1-1 + COUNT 1
        a XREVRANGE s + - COUNT 1
        a XREAD COUNT 1 STREAMS s 0
        a XREAD STREAMS s $
        a XREAD STREAMS s
        a XREAD BLOCK 10 STREAMS s $
        a XGROUP CREATE s g 0
        a XGROUP CREATE s g 0
        a XGROUP CREATE nothing g 0
        a XGROUP CREATE made g $ MKSTREAM
        a XGROUP CREATECONSUMER s g idle
        a XREADGROUP GROUP g c1 COUNT 2 STREAMS s >
        a XREADGROUP GROUP none c1 STREAMS s >
        a XREADGROUP GROUP g c1 STREAMS none >
        a XREADGROUP GROUP g c1 STREAMS s 0
        a XPENDING s g
        a ~ XPENDING s g - + 10
        a XPENDING s none
        a XACK s g 1-1
        a XACK s none 1-1
        a XCLAIM s g c2 0 1-2 JUSTID
        a XCLAIM s none c2 0 1-2
        a XAUTOCLAIM s g c3 0 0 JUSTID
        a XAUTOCLAIM s none c3 0 0
        a ~ XINFO STREAM s
        a ~ XINFO GROUPS s
        a ~ XINFO CONSUMERS s g
        a XINFO STREAM nothing
        a XINFO CONSUMERS s none
        a XGROUP SETID s g 0
        a XGROUP SETID s none 0
        a XGROUP DELCONSUMER s g c3
        a XGROUP DESTROY s g
        a XGROUP DESTROY s g
        a XDEL s 1-1
        a XTRIM s MAXLEN 1
        a XTRIM s MAXLEN = 1 LIMIT 2
        a XADD s MAXLEN 1 10 f v
        a XSETID s 20-0
        a OBJECT ENCODING s
        a SET str x
        a XGROUP CREATE str g 0
        a XREADGROUP GROUP g c STREAMS str >
        a XGROUP CREATE w g $ MKSTREAM
        b & XREADGROUP GROUP g c BLOCK 0 STREAMS w >
        a ~ CLIENT LIST
        a XADD w 1-1 f v
        b <
        b & XREAD BLOCK 0 STREAMS w $
        a ~ CLIENT LIST
        a XADD w 2-1 f v
        b <
        b & XREADGROUP GROUP g c BLOCK 0 STREAMS w >
        a ~ CLIENT LIST
        a XGROUP DESTROY w g
        b <
    """,
    "transactions": r"""
        a MULTI
        a SET k 1
        a INCR k
        a LPUSH k x
        a GET k
        a EXEC
        a MULTI
        a MULTI
        a NONSENSE
        a SET k 2
        a EXEC
        a EXEC
        a DISCARD
        a MULTI
        a GET
        a DISCARD
        a WATCH k
        b SET k changed
        a MULTI
        a SET k mine
        a EXEC
        a GET k
        a WATCH k
        a UNWATCH
        b SET k again
        a MULTI
        a WATCH k
        a GET k
        a exec
        a WATCH gone
        b SET gone 1 PX 1
        b BLPOP nothing 0.1
        a MULTI
        a PING
        a EXEC
        a MULTI
        a BLPOP nothing 0
        a SELECT 3
        a EXEC
        a MULTI
        a SUBSCRIBE c
        a HELLO 9
        a EXEC
        a RESET
        a MULTI
        a EXEC
        a MULTI now
        a MULTI
        a RESET
        a EXEC
    """,
    "scripts": r"""
        a EVAL "return 1" 0
        a EVAL "return {1,2,'three',false,{4}}" 0
        a EVAL "return {KEYS[1],ARGV[1]}" 1 k v
        a EVAL "return redis.call('SET',KEYS[1],ARGV[1])" 1 k v
        a EVAL "return redis.call('GET','k')" 0
        a EVAL "return redis.call('LPUSH','k','x')" 0
        a EVAL "return redis.pcall('LPUSH','k','x')" 0
        a EVAL "return redis.pcall('LPUSH','k','x').err" 0
        a EVAL "return redis.call('NONSENSE')" 0
        a EVAL "return redis.error_reply('MY error')" 0
        a EVAL "return redis.status_reply('FINE')" 0
        a EVAL "return 3.9" 0
        a EVAL "return nil" 0
        a EVAL "return {1,nil,3}" 0
        a EVAL "return nonsense" 0
        a EVAL "this is no lua" 0
        a EVAL "return 1" 2 k
        a EVAL "return 1" x
        a EVAL "return 1" -1
        a SCRIPT LOAD "return ARGV[1]"
        a EVALSHA 098e0f0d1448c0a81dafe820f66d460eb09263da 0 hi
        a EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
        a SCRIPT EXISTS 098e0f0d1448c0a81dafe820f66d460eb09263da ffffffffffffffffffffffffffffffffffffffff
        a SCRIPT FLUSH
        a SCRIPT KILL
        a SCRIPT NONSENSE
        a EVAL_RO "return redis.call('SET','k','v')" 0
        a EVAL "return redis.call('BLPOP','nothing',0)" 0
        a EVAL "return redis.call('MULTI')" 0
        a EVAL "return tostring(redis.sha1hex('x'))" 0
        a EVAL "return cjson.encode({a=1})" 0
        a EVAL "return cmsgpack.unpack(cmsgpack.pack('x'))" 0
        a EVAL "redis.setresp(3); return redis.call('HGETALL','nothing')" 0
        a FUNCTION LOAD "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)"
        a FCALL f 0 hi
        a FCALL nonsense 0
        a FUNCTION LOAD "nothing"
        a FUNCTION DELETE lib
        a ~ FUNCTION LIST
        a ~ FUNCTION STATS
    """,
    "publish and subscribe": r"""
        a SUBSCRIBE one two
        a <
        b PUBLISH one hello
        a <
        b PUBLISH nobody hello
        a PING
        a PING hi
        a GET k
        a PSUBSCRIBE t*
        b PUBLISH two twice
        a <
        a <
        b PUBSUB CHANNELS o*
        b PUBSUB NUMSUB one two nobody
        b PUBSUB NUMPAT
        a UNSUBSCRIBE one
        a PUNSUBSCRIBE
        a UNSUBSCRIBE
        a UNSUBSCRIBE
        a GET k
        c SSUBSCRIBE shard
        b SPUBLISH shard hello
        c <
        b PUBSUB SHARDCHANNELS
        b PUBSUB SHARDNUMSUB shard
        c SUNSUBSCRIBE shard
        d SUBSCRIBE three
        d RESET
        d GET k
        e SUBSCRIBE
        e SUBSCRIBE five
        e MULTI
        e QUIT
        f CONFIG SET notify-keyspace-events KEA
        g PSUBSCRIBE __key*__:watched
        f SET watched 1
        g <
        f SET watched 1 PX 1
        g <
        g <
        g <
    """,
}
