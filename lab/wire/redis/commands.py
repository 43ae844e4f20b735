"""What a Redis command is about: its name for a Flow, its key, the TTL it writes, how its reply tells hit from miss.

Values are never looked at, and of AUTH, HELLO, CONFIG, ACL nothing but the name is written down.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from lab.journal.event import Role

NAME_LIMIT = 120


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NO_KEY = _words(
    "ACL AUTH BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DBSIZE DEBUG DISCARD ECHO EXEC FLUSHALL FLUSHDB "
    "FUNCTION HELLO INFO KEYS LASTSAVE LATENCY MIGRATE MODULE MONITOR MULTI PING PSYNC PUBSUB QUIT RANDOMKEY "
    "READONLY READWRITE REPLICAOF RESET ROLE SAVE SCAN SCRIPT SELECT SHUTDOWN SLAVEOF SLOWLOG SWAPDB SYNC TIME "
    "UNWATCH WAIT WAITAOF XREAD XREADGROUP BLMPOP BZMPOP LMPOP ZMPOP ZUNION ZINTER ZDIFF ZINTERCARD SINTERCARD"
)
_FAMILIES = _words("ACL CLIENT CLUSTER COMMAND CONFIG FUNCTION LATENCY MODULE PUBSUB SCRIPT SLOWLOG")
_SCRIPTS = _words("EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO")
_KEY_AT = {
    **dict.fromkeys(_NO_KEY, 0),
    **dict.fromkeys(_words("OBJECT XGROUP XINFO MEMORY BITOP"), 2),
    **dict.fromkeys(_SCRIPTS, 3),
}
"""Where the first key stands, if not right after the name; 0: nowhere."""

READS = _words("GET GETEX GETDEL HGET MGET HMGET HGETALL EXISTS LINDEX SMEMBERS")
"""Commands of which the reply says hit or miss."""

WRITES = _words(
    "APPEND BITFIELD BITOP BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN COPY DECR DECRBY DEL "
    "EVAL EVALSHA EXPIRE EXPIREAT FCALL FLUSHALL FLUSHDB GEOADD GETDEL GETEX GETSET HDEL HEXPIRE HINCRBY "
    "HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LMPOP LPOP LPUSH LPUSHX LREM LSET LTRIM "
    "MOVE MSET MSETNX PERSIST PEXPIRE PEXPIREAT PFADD PFMERGE PSETEX RENAME RENAMENX RESTORE RPOP RPOPLPUSH RPUSH "
    "RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX SETRANGE SINTERSTORE SMOVE SORT SPOP SREM SUNIONSTORE UNLINK "
    "XACK XADD XCLAIM XDEL XGROUP XREADGROUP XTRIM ZADD ZINCRBY ZPOPMAX ZPOPMIN ZREM ZREMRANGEBYSCORE ZUNIONSTORE"
)
"""Commands that a full or read-only server refuses."""

PREPARING = _words("AUTH CLIENT COMMAND HELLO MULTI PING QUIT RESET SELECT UNWATCH WATCH")
"""Commands with which a client makes itself known, or announces what comes."""

SETTING_UP = PREPARING - {"PING"} | {"DISCARD", "EXEC"}
"""Commands that an injected error spares: they prepare a connection or a transaction, or end one."""

PUBLISHING = _words("PUBLISH SPUBLISH")
"""Commands that hand a message to the server, for all who listen."""

SUBSCRIBING = _words("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE")
"""Commands that are answered by one confirmation for each channel."""


@lru_cache(maxsize=1024)
def name_of(word: bytes) -> str:
    """A command's name as it is written in a Flow."""
    return word.decode("latin-1").upper()[:NAME_LIMIT]


ROLES: dict[str, Role] = {
    **dict.fromkeys(PREPARING, "setup"),
    **dict.fromkeys(PUBLISHING, "message"),
    **dict.fromkeys(SUBSCRIBING, "subscribe"),
}
"""What a command is; any other is a `call`."""


def describe(name: str, args: list[bytes], count: int) -> tuple[str, str]:
    """The op of a Flow and the key, `GET user:7` and `user:7`."""
    place = _KEY_AT.get(name, 1)
    if place == 0:
        return (f"{name} {_text(args[1]).upper()}" if name in _FAMILIES and count > 1 else name), ""
    if place >= len(args) or (place == 3 and args[2] == b"0"):
        return name, ""
    key = _text(args[place])
    return f"{name} {key}", key


def ttl(name: str, args: list[bytes]) -> float | None:
    """The seconds to live that the command writes, if it says so relatively."""
    try:
        match name:
            case "SET" | "GETEX":
                for option, value in pairwise(args[2:]):
                    if option.upper() in (b"EX", b"PX"):
                        return int(value) / (1 if option.upper() == b"EX" else 1000)
            case "SETEX" | "EXPIRE":
                return float(int(args[2]))
            case "PSETEX" | "PEXPIRE":
                return int(args[2]) / 1000
    except (ValueError, IndexError):
        pass
    return None


def missing(name: str, count: int, resp3: bool) -> bytes | None:
    """The reply of a server that has nothing under the key; None for a command that does not look one up."""
    nil = b"_\r\n" if resp3 else b"$-1\r\n"
    match name:
        case "GET" | "GETEX" | "HGET":
            return nil
        case "MGET" | "HMGET":
            wanted = count - (1 if name == "MGET" else 2)
            return b"*%d\r\n" % wanted + nil * wanted
        case "HGETALL":
            return b"%0\r\n" if resp3 else b"*0\r\n"
        case "EXISTS":
            return b":0\r\n"
        case _:
            return None


def _text(arg: bytes) -> str:
    text = arg.decode("utf-8", "backslashreplace")
    return text if len(text) <= NAME_LIMIT else text[:NAME_LIMIT] + "…"
