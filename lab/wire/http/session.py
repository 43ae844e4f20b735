"""HTTP/1.1 on a link: requests paired with their answers, and the faults that know what a request is.

Of a request nothing is written down but method, path, the query with its secrets blanked, and its correlation id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from lab.faults.catalogue import ON_MESSAGES, effect
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.locale import tr
from lab.wire.disturb import disturb, pace, touched
from lab.wire.http import glance
from lab.wire.http.framing import BODY, BROKEN, END, HEAD, Reader
from lab.wire.http.head import Head
from lab.wire.http.text import refusal, split_target
from lab.wire.session import Again, Close, Effect, GiveUp, Mute, Seen, Send, Side, Strike, Undecodable

COPY_LIMIT = 1024 * 1024
"""Bytes of a request that are kept for a duplicate; a larger one is never sent twice."""


class _Exchange:
    """A request and what becomes of it. `at`: when it was complete. `bodiless`: its answer has no usual body. `canned`:
    the answer that a fault gives in place of the provider's, once `complete`. `lost`: the one-way fault that loses its
    answer. `truncate`: of its body, `left` bytes still pass; `counted` if a length was announced."""

    bodiless = False
    complete = False
    keep_alive = True
    fault: Fault | None = None
    canned: bytes | None = None
    lost: Fault | None = None
    copy: list[bytes] | None = None
    truncate = False
    counted = False
    left = 0

    def __init__(self, op: str, correlation: str, detail: str, now: float, size: int) -> None:
        self.flow = Flow(op=op, correlation=correlation, bytes=size, detail=detail)
        self.at = now

    @property
    def method(self) -> str:
        return self.flow.op.partition(" ")[0]


class HttpSession:
    """One HTTP connection."""

    rewrites = False

    def __init__(self) -> None:
        self._exchanges: deque[_Exchange] = deque()
        self._asking: _Exchange | None = None
        self._answered: Head | None = None
        self._requests = Reader()
        self._answers = Reader(self._asked)
        self._readers = {Side.CLIENT: self._requests, Side.SERVER: self._answers}
        self._gone = {Side.CLIENT: 0, Side.SERVER: 0}
        self._intercepting = False
        self._over = False
        self._last = False
        """Whether one side has said that the connection ends after this exchange."""

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        self._intercepting = False
        if side is Side.CLIENT:
            if self._requests.between and (usual := glance.request(data)) is not None:
                exchange = _Exchange(*usual, "", now, len(data))
                exchange.complete = True
                self._exchanges.append(exchange)
                return ()
            for kind, part, head in self._requests.feed(data):
                if kind == HEAD:
                    assert head is not None
                    self._ask(head, now, len(part))
                elif kind == BODY:
                    if self._asking is not None:
                        self._asking.flow.bytes += len(part)
                elif kind == END:
                    self._asked_all(now)
                elif kind == BROKEN:
                    raise Undecodable(self._requests.reason)
            return ()
        if self._answers.between and self._exchanges and not (exchange := self._exchanges[0]).bodiless:
            flow = exchange.flow
            status = glance.answer(data, bool(flow.correlation))
            if status is not None:
                flow.bytes += len(data)
                flow.status = status
                if status >= "500":
                    flow.outcome = "error"
                return (self._answered_all(now),)
        flows: list[Flow] = []
        for kind, part, head in self._answers.feed(data):
            if kind == HEAD:
                assert head is not None
                self._answer(head, len(part))
            elif kind == BODY:
                if self._exchanges:
                    self._exchanges[0].flow.bytes += len(part)
            elif kind == END:
                if self._exchanges and self._answered is not None:
                    flows.append(self._answered_all(now))
            elif kind == BROKEN:
                raise Undecodable(self._answers.reason)
        return flows

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        if self._over:
            return [*self.release(), Send(side.other, data)]
        if not self._intercepting:
            self._intercepting = True
            self._gone = {side: len(reader.pending) for side, reader in self._readers.items()}
        return self._requested(data, now, strike) if side is Side.CLIENT else self._replied(data, now, strike)

    def between(self) -> bool:
        return not (self._exchanges or self._over or self._last) and self._requests.between and self._answers.between

    def held(self) -> bool:
        held = any(len(reader.pending) > self._gone[side] for side, reader in self._readers.items())
        return held or any(
            exchange.canned is not None or exchange.lost or exchange.truncate for exchange in self._exchanges
        )

    def release(self) -> Sequence[Effect]:
        for exchange in self._exchanges:
            exchange.lost = None
        effects = []
        for side, reader in self._readers.items():
            held = reader.pending[self._gone[side] :]
            if held:
                self._gone[side] = len(reader.pending)
                effects.append(Send(side.other, held))
        return effects

    def closed(self, side: Side, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        self._over = True
        flows = []
        if self._exchanges and self._answered is not None and self._answers.until_close and side is Side.SERVER:
            flows.append(self._answered_all(now))
        gave_up = side is Side.CLIENT
        for exchange in self._exchanges:
            flow = exchange.flow
            flow.outcome = "lost"
            flow.ms = (now - exchange.at) * 1000
            flow.status = flow.status or "closed"
            if self._answered is None:
                why = (
                    tr("the caller gave up before its answer")
                    if gave_up
                    else tr("the provider closed before its answer")
                )
            else:
                why = (
                    tr("the caller gave up in the middle of its answer")
                    if gave_up
                    else tr("the provider closed in the middle of its answer")
                )
            flow.detail = f"{why} {flow.detail}".strip()
            self._answered = None
            flows.append(touched(flow, exchange.fault))
        self._exchanges.clear()
        return flows

    def _asked(self) -> str:
        return self._exchanges[0].method if self._exchanges else ""

    def _ask(self, head: Head, now: float, size: int) -> _Exchange:
        path, query = split_target(head.target)
        exchange = _Exchange(f"{head.method} {path}", head.correlation, query, now, size)
        exchange.keep_alive = head.keep_alive
        self._last = self._last or not head.keep_alive
        exchange.bodiless = head.method in ("HEAD", "CONNECT")
        self._exchanges.append(exchange)
        self._asking = exchange
        return exchange

    def _asked_all(self, now: float) -> None:
        if self._asking is not None:
            self._asking.at = now
            self._asking.complete = True
            self._asking = None

    def _answer(self, head: Head, size: int) -> None:
        if not self._exchanges:
            return
        exchange = self._exchanges[0]
        flow = exchange.flow
        flow.bytes += size
        if 100 <= head.status < 200 and head.status != 101:
            return
        self._answered = head
        self._last = self._last or head.closes
        flow.status = str(head.status)
        flow.outcome = "error" if head.status >= 500 else "ok"
        flow.correlation = flow.correlation or head.correlation
        if head.status == 101 or (exchange.method == "CONNECT" and 200 <= head.status < 300):
            flow.detail = f"upgraded to {head.upgrade or 'a tunnel'}"
            self._requests.become_raw()

    def _answered_all(self, now: float) -> Flow:
        exchange = self._exchanges.popleft()
        self._answered = None
        flow = exchange.flow
        flow.ms = (now - exchange.at) * 1000
        return flow if exchange.fault is None else touched(flow, exchange.fault)

    def _requested(self, data: bytes, now: float, strike: Strike) -> list[Effect]:
        effects: list[Effect] = []
        for kind, part, head in self._requests.feed(data):
            if kind == HEAD:
                assert head is not None
                gone, self._gone[Side.CLIENT] = self._gone[Side.CLIENT], 0
                exchange = self._ask(head, now, len(part))
                if gone:
                    effects.append(Send(Side.SERVER, part[gone:]))
                else:
                    effects += self._struck(exchange, head, part, now, strike)
            elif kind == END:
                if self._asking is not None:
                    effects += self._complete(self._asking, now, strike)
            elif kind == BODY:
                effects += self._more(part)
            else:
                gone, self._gone[Side.CLIENT] = self._gone[Side.CLIENT], 0
                effects.append(Send(Side.SERVER, part[gone:]))
                if kind == BROKEN:
                    effects += [*self.release(), GiveUp(self._requests.reason)]
        return effects

    def _struck(self, exchange: _Exchange, head: Head, part: bytes, now: float, strike: Strike) -> list[Effect]:
        """Decide on a request by its head. An upgrade that it offers changes nothing: only a 101 is one."""
        op = exchange.flow.op
        if (head.length or 0) <= COPY_LIMIT:
            exchange.copy = [part]
        fault = strike(("status",), op)
        if fault is not None:
            if head.expects:
                # The client waits with the body for a word. It may never send it now, so nothing can follow it either.
                exchange.complete, exchange.keep_alive = True, False
            exchange.fault = fault
            exchange.canned = refusal(fault, exchange.method, exchange.keep_alive)
            exchange.copy = None
            return self._given(now) if exchange.complete else []
        fault = exchange.fault = strike(ON_MESSAGES, op)
        if fault is not None and effect(fault) == "mute":
            exchange.lost = fault
            return [Send(Side.SERVER, part)]
        return disturb(fault, Side.SERVER, part)

    def _more(self, part: bytes) -> list[Effect]:
        exchange = self._asking
        if exchange is None:
            return [Send(Side.SERVER, part)]
        exchange.flow.bytes += len(part)
        if exchange.canned is not None:
            return []
        if exchange.copy is not None:
            exchange.copy.append(part)
            if exchange.flow.bytes > COPY_LIMIT:
                exchange.copy = None
        return [Send(Side.SERVER, part, rate=pace(exchange.fault))]

    def _complete(self, exchange: _Exchange, now: float, strike: Strike) -> list[Effect]:
        self._asked_all(now)
        if exchange.canned is not None:
            return self._given(now)
        if exchange.copy is None:
            return []
        copy, exchange.copy = b"".join(exchange.copy), None
        fault = strike(("duplicate",), exchange.flow.op)
        if fault is None:
            return []
        touched(exchange.flow, fault)
        return [Again(copy, (fault.id,))]

    def _given(self, now: float) -> list[Effect]:
        """The answers that faults gave, as far as it is their turn."""
        effects: list[Effect] = []
        while self._exchanges and self._exchanges[0].canned is not None and self._exchanges[0].complete:
            exchange = self._exchanges.popleft()
            assert exchange.canned is not None
            assert exchange.fault is not None
            flow = touched(exchange.flow, exchange.fault)
            flow.bytes += len(exchange.canned)
            flow.ms = (now - exchange.at) * 1000
            flow.status = str(int(exchange.fault.params["code"]))
            flow.outcome = "error" if flow.status >= "500" else "ok"
            effects += [Send(Side.CLIENT, exchange.canned), Seen(flow)]
            if not exchange.keep_alive:
                effects.append(Close())
        return effects

    def _replied(self, data: bytes, now: float, strike: Strike) -> list[Effect]:
        effects: list[Effect] = []
        for kind, part, head in self._answers.feed(data):
            exchange = self._exchanges[0] if self._exchanges else None
            if kind == HEAD:
                assert head is not None
                gone, self._gone[Side.SERVER] = self._gone[Side.SERVER], 0
                self._answer(head, len(part))
                if exchange is not None and not gone and head.status >= 200:
                    if exchange.lost is not None:
                        effects.append(Mute(exchange.lost.id))
                    self._shorten(exchange, head, strike)
                effects.append(Send(Side.CLIENT, part[gone:], rate=pace(exchange.fault) if exchange else None))
                if exchange is not None and exchange.truncate and not exchange.left:
                    return [*effects, *self._torn(now)]
                if head.status == 101:
                    effects += self.release()
            elif kind == BODY and exchange is not None:
                exchange.flow.bytes += len(part)
                rate = pace(exchange.fault)
                if exchange.truncate:
                    part = part[: exchange.left] if exchange.counted else part[: min(exchange.left, len(part) - 1)]
                    exchange.left = exchange.left - len(part) if exchange.counted else 0
                effects.append(Send(Side.CLIENT, part, rate=rate))
                if exchange.truncate and not exchange.left:
                    return [*effects, *self._torn(now)]
            elif kind == END:
                if exchange is not None and self._answered is not None:
                    effects.append(Seen(self._answered_all(now)))
                    effects += self._given(now)
            else:
                gone, self._gone[Side.SERVER] = self._gone[Side.SERVER], 0
                effects.append(Send(Side.CLIENT, part[gone:]))
                if kind == BROKEN:
                    effects += [*self.release(), GiveUp(self._answers.reason)]
        return effects

    def _shorten(self, exchange: _Exchange, head: Head, strike: Strike) -> None:
        """Whether a fault tears this answer's body: some of it always misses, so that the client can tell."""
        if exchange.method == "HEAD" or head.status in (204, 304) or not (head.chunked or head.length != 0):
            return
        fault = strike(("truncate",), exchange.flow.op)
        if fault is None:
            return
        touched(exchange.flow, fault)
        exchange.truncate = True
        exchange.counted = head.length is not None and not head.chunked
        keep = int(fault.params["keep"])
        exchange.left = min(keep, (head.length or 0) - 1) if exchange.counted else keep

    def _torn(self, now: float) -> list[Effect]:
        flow = self._answered_all(now)
        flow.outcome = "error"
        flow.detail = tr("the answer's body was cut short")
        return [Seen(flow), Close()]
