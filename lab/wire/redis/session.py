"""Redis on a link: commands paired with their replies, hit or miss, and the faults that know what a command is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.faults.catalogue import ON_MESSAGES, effect
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.locale import tr
from lab.wire.disturb import disturb, pace, touched
from lab.wire.foreign import foreign
from lab.wire.redis.commands import READS, ROLES, SETTING_UP, SUBSCRIBING, WRITES, describe, missing, name_of, ttl
from lab.wire.redis.resp import Command, CommandReader, Reply, ReplyReader
from lab.wire.session import Effect, GiveUp, Mute, Seen, Send, Side, Strike, Undecodable

HOLD_LIMIT = 1024 * 1024
"""Bytes of a command that are held until it is whole; a larger one passes undecided."""

ANY_ERROR = ("error LOADING", "error BUSY", "error MASTERDOWN", "error TRYAGAIN")
WRITE_ERROR = (*ANY_ERROR, "error OOM", "error READONLY", "error MISCONF")

ERRORS = {
    "LOADING": "Redis is loading the dataset in memory",
    "OOM": "command not allowed when used memory > 'maxmemory'.",
    "READONLY": "You can't write against a read only replica.",
    "BUSY": "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MASTERDOWN": "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MISCONF": "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "TRYAGAIN": "Multiple keys request during rehashing of slot",
}
ABORTED = b"-EXECABORT Transaction discarded because of previous errors.\r\n"
DISCARD = b"*1\r\n$7\r\nDISCARD\r\n"

_ERROR_KINDS = (45, 33)
_WORDS = {b"QUEUED": "QUEUED", b"PONG": "PONG"}
"""Simple strings worth a status; any other may be a value, as a server is free to send a short one like this."""
_MESSAGES = (b"message", b"pmessage", b"smessage")


class _Asked:
    """A command and what becomes of it. `canned`: the reply that a fault gives, the server never sees the command;
    `instead`: what the client gets in place of the server's reply; `lost`: the one-way fault that loses the reply."""

    confirms = 1
    fault: Fault | None = None
    canned: bytes | None = None
    instead: bytes | None = None
    lost: Fault | None = None

    def __init__(self, name: str, flow: Flow, at: float) -> None:
        self.name = name
        self.flow = flow
        self.at = at


class RedisSession:
    """One connection to Redis."""

    rewrites = False

    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque()
        self._commands = CommandReader()
        self._replies = ReplyReader()
        self._ahead = 0
        """Bytes of the command that has begun and not ended; `_held` are those of them that were not forwarded."""
        self._behind = 0
        """Bytes of the reply that has begun and not ended."""
        self._held = b""
        self._subscribed = False
        self._resp3 = False
        self._queueing = False
        self._doomed: Fault | None = None
        self._over = False

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        if side is Side.CLIENT:
            args = self._commands.whole(data)
            if args is not None:
                self._ask(args, len(args), now, len(data))
                return ()
        else:
            reply = self._replies.whole(data)
            if reply is not None:
                flow = self._answer(reply, now, len(data))
                return (flow,) if flow is not None else ()
        flows: list[Flow] = []
        try:
            if side is Side.CLIENT:
                last = -self._ahead
                for command in self._commands.feed(data):
                    self._ask(command.args, command.count, now, command.end - last)
                    last = command.end
                self._ahead = len(data) - last
            else:
                last = -self._behind
                for reply in self._replies.feed(data):
                    flow = self._answer(reply, now, reply.end - last)
                    last = reply.end
                    if flow is not None:
                        flows.append(flow)
                self._behind = len(data) - last
        except ValueError as error:
            raise Undecodable(foreign(data) or str(error)) from None
        return flows

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        if self._over:
            return [*self.release(), Send(side.other, data)]
        try:
            if side is Side.CLIENT:
                return self._requested(data, now, strike)
            return self._replied(data, now)
        except ValueError as error:
            held = self.release() if side is Side.CLIENT else [*self.release(), Send(Side.CLIENT, data)]
            return [*held, GiveUp(foreign(data) or str(error))]

    def held(self) -> bool:
        return bool(self._held or self._doomed) or any(
            asked.canned is not None or asked.instead is not None or asked.lost for asked in self._asked
        )

    def release(self) -> Sequence[Effect]:
        for asked in self._asked:
            asked.lost = None
        held, self._held = self._held, b""
        return [Send(Side.SERVER, held)] if held else []

    def closed(self, side: Side, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        self._over = True
        flows = []
        for asked in self._asked:
            flow = asked.flow
            flow.outcome, flow.status = "lost", "closed"
            flow.ms = (now - asked.at) * 1000
            gave_up = side is Side.CLIENT
            flow.detail = (
                tr("the caller gave up before the reply") if gave_up else tr("the server closed before the reply")
            )
            flows.append(touched(flow, asked.fault))
        self._asked.clear()
        return flows

    def _ask(self, args: list[bytes], count: int, now: float, size: int) -> _Asked | None:
        if not args:
            return None
        name = name_of(args[0])
        op, key = describe(name, args, count)
        asked = _Asked(name, Flow(role=ROLES.get(name, "call"), op=op, key=key, bytes=size), now)
        if name in _UNUSUAL:
            self._note(name, args, count, asked)
        elif len(args) > 2:
            asked.flow.ttl = ttl(name, args)
        self._asked.append(asked)
        return asked

    def _note(self, name: str, args: list[bytes], count: int, asked: _Asked) -> None:
        """What a command changes for those after it."""
        if name in SUBSCRIBING:
            asked.confirms = max(1, count - 1)
        elif name == "MULTI":
            self._queueing = True
        elif name in ("EXEC", "DISCARD", "RESET"):
            self._queueing = False
            self._resp3 = self._resp3 and name != "RESET"
        elif name == "HELLO":
            if len(args) > 1:
                self._resp3 = args[1] == b"3"
        elif name in ("PSYNC", "SYNC"):
            raise Undecodable("replication")
        elif name == "CLIENT" and len(args) > 2 and args[1].upper() == b"REPLY" and args[2].upper() != b"ON":
            raise Undecodable("replies are switched off")

    def _answer(self, reply: Reply, now: float, size: int) -> Flow | None:
        """The Flow that the reply completes, if it does."""
        if reply.items and (reply.kind == 62 or (self._subscribed and reply.kind == 42)):
            word = reply.items[0]
            if not word.endswith(b"subscribe"):
                if reply.kind == 62 or word in _MESSAGES:
                    return _pushed(reply, size)
            elif not self._asked or self._asked[0].name not in SUBSCRIBING:
                return None
        if not self._asked:
            return None
        asked = self._asked[0]
        flow = asked.flow
        flow.bytes += size
        if asked.name in SUBSCRIBING and reply.kind not in _ERROR_KINDS:
            self._subscribed = True
            asked.confirms -= 1
            if asked.confirms:
                return None
        self._asked.popleft()
        flow.ms = (now - asked.at) * 1000
        _judge(flow, asked.name, reply)
        if asked.name == "HELLO" and flow.outcome == "error":
            self._resp3 = False
        return touched(flow, asked.fault)

    def _requested(self, data: bytes, now: float, strike: Strike) -> list[Effect]:
        effects: list[Effect] = []
        gone = self._ahead - len(self._held)
        bytes_before = len(self._held)
        self._held += data
        buffer, pos = self._held, 0
        for command in self._commands.feed(data):
            end = bytes_before + command.end
            raw = buffer[pos:end]
            self._held = buffer[pos:]
            try:
                asked = self._ask(command.args, command.count, now, len(raw) + gone)
            except Undecodable as error:
                return [*effects, *self.release(), GiveUp(str(error))]
            effects += self._struck(asked, command, raw, strike) if asked and not gone else [Send(Side.SERVER, raw)]
            pos, gone = end, 0
        self._held = buffer[pos:]
        self._ahead = len(self._held) + gone
        if gone or len(self._held) > HOLD_LIMIT:
            effects += self.release()
        return [*effects, *self._given(now)]

    def _struck(self, asked: _Asked, command: Command, raw: bytes, strike: Strike) -> list[Effect]:
        """Decide on a command."""
        name, op = asked.name, asked.flow.op
        if name in ("EXEC", "DISCARD", "RESET"):
            doomed, self._doomed = self._doomed, None
            if doomed is not None and name == "EXEC":
                asked.fault, asked.instead = doomed, ABORTED
                return [Send(Side.SERVER, DISCARD)]
        elif name not in SETTING_UP and name not in SUBSCRIBING:
            fault = strike(WRITE_ERROR if name in WRITES else ANY_ERROR, op)
            if fault is not None:
                code = str(fault.params["code"])
                asked.fault, asked.canned = fault, f"-{code} {ERRORS[code]}\r\n".encode()
                if self._queueing:
                    self._doomed = fault
                return []
            nothing = missing(name, command.count, self._resp3)
            if nothing is not None and not self._queueing:
                fault = strike(("miss",), op)
                if fault is not None:
                    asked.fault, asked.canned = fault, nothing
                    return []
        fault = asked.fault = strike(ON_MESSAGES, op)
        if fault is not None and effect(fault) == "mute":
            asked.lost = fault
            return [Send(Side.SERVER, raw)]
        return disturb(fault, Side.SERVER, raw)

    def _replied(self, data: bytes, now: float) -> list[Effect]:
        effects: list[Effect] = []
        replies = self._replies.feed(data)
        last = 0
        for reply in replies:
            effects += self._pass(data[last : reply.end])
            asked = self._asked[0] if self._asked else None
            if asked is not None and asked.instead is not None:
                reply = Reply(45, asked.instead[1:-2], 0, [], reply.end)
            flow = self._answer(reply, now, reply.end - last + self._behind)
            last, self._behind = reply.end, 0
            if flow is not None:
                if asked is not None and asked.instead is not None:
                    effects.append(Send(Side.CLIENT, asked.instead))
                effects.append(Seen(flow))
            effects += self._given(now)
        self._behind += len(data) - last
        if last < len(data):
            effects += self._pass(data[last:])
        return effects

    def _pass(self, data: bytes) -> list[Effect]:
        """Bytes of the reply to the oldest command."""
        asked = self._asked[0] if self._asked else None
        if asked is None:
            return [Send(Side.CLIENT, data)]
        if asked.instead is not None:
            return []
        send = Send(Side.CLIENT, data, rate=pace(asked.fault))
        return [send] if asked.lost is None else [Mute(asked.lost.id), send]

    def _given(self, now: float) -> list[Effect]:
        """The replies that faults gave, as far as it is their turn: never in the middle of what the server says."""
        effects: list[Effect] = []
        while not self._behind and self._asked and self._asked[0].canned is not None:
            asked = self._asked.popleft()
            assert asked.canned is not None
            flow = touched(asked.flow, asked.fault)
            flow.bytes += len(asked.canned)
            flow.ms = (now - asked.at) * 1000
            line = asked.canned.partition(b"\r\n")[0]
            nils = asked.canned.count(b"$-1") + asked.canned.count(b"_")
            _judge(flow, asked.name, Reply(line[0], line[1:], nils, [], 0))
            effects += [Send(Side.CLIENT, asked.canned), Seen(flow)]
        return effects


_UNUSUAL = SUBSCRIBING | {"MULTI", "EXEC", "DISCARD", "RESET", "HELLO", "PSYNC", "SYNC", "CLIENT"}


def _judge(flow: Flow, name: str, reply: Reply) -> None:
    """Status, outcome, and hit or miss."""
    kind = reply.kind
    if kind in _ERROR_KINDS:
        flow.outcome = "error"
        if kind == 45:
            flow.status, _, message = reply.line.decode("utf-8", "replace").partition(" ")
            flow.detail = message.partition(", with args")[0][:120]
            if message.startswith("unknown command"):
                flow.op, flow.key = name, ""  # perhaps a misspelt AUTH: what follows is no key
        else:
            flow.status = "ERR"
        return
    if kind == 43 and (reply.line in _WORDS or name not in READS):
        flow.status = _WORDS.get(reply.line, "OK")
        return
    nil = kind == 95 or (reply.line == b"-1" and kind in (36, 42))
    if name in READS:
        if name == "EXISTS":
            nil = reply.line == b"0"
        elif kind in (42, 37, 126):
            nil = nil or reply.line == b"0" or reply.nils > 0
        flow.hit = not nil
        flow.status = "miss" if nil else "hit"
    else:
        flow.status = "nil" if nil else "OK"


def _pushed(reply: Reply, size: int) -> Flow:
    """A message that nobody asked for: published on a channel, or an invalidation."""
    word = reply.items[0].decode("utf-8", "replace")
    channel = reply.items[1].decode("utf-8", "replace")[:120] if len(reply.items) > 1 else ""
    op = f"{word} {channel}".rstrip()
    return Flow(role="delivery", back=True, op=op, key=channel, status="pushed", bytes=size)
