"""A stub: a service that the lab plays, which counts its requests and behaves as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lab.neighbours.stub.book import Book
from lab.neighbours.stub.deeds import Deed
from lab.neighbours.stub.loop import in_loop
from lab.neighbours.stub.request import Reply, Seen, problem, says
from lab.neighbours.stub.rules import Rule, Rules, Where
from lab.neighbours.stub.server import Connection, Conversation, Server, Turn

D = TypeVar("D", bound=Deed)
Work = Callable[..., Reply]
"""Takes the Seen and, by name, the parts of its path that the route names."""

ANYTHING = "* *"


class Stub:
    """Any thread may call any method. A rule holds for every request that arrives after it was told.

    A subclass gives `routes`, its own work by method and path (`GET /users/{id}`), and `empty`, which makes its data as
    it is in the beginning. The work runs in the stubs' loop, one request at a time, so it must be quick.
    """

    name = "stub"
    speaks: type[Conversation] = Connection

    def __init__(self, folder: Path | None = None) -> None:
        """The stub keeps its books in files of this folder, or in memory only."""
        self._folder = folder
        self.answered: Callable[[Seen, Reply | None], None] = lambda _seen, _reply: None
        """Called in the loop with each answer (None: the connection is reset)."""
        self.errors: list[Exception] = []
        """What went wrong in the stub itself, in a rule's `where`, say: the lab's fault. The caller got a 500."""
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._in_flight = 0
        self._max_in_flight = 0
        self._rules = Rules()
        self._routes = [(_expression(route), work) for route, work in self.routes().items()]
        self._asides: dict[str, Work] = {}
        self._server = Server(self.arrived, self.speaks)
        self.empty()

    def empty(self) -> None:
        """Make the data that the stub works on as it is in the beginning."""

    def routes(self) -> dict[str, Work]:
        """What the stub does when nothing else is told."""
        return {}

    def furnish(self) -> None:
        """Put in what a first request asks for: the record with the id 1, where the stub has records."""

    def decline(self, seen: Seen, /) -> Reply:
        """Refuse the request as the real system would."""
        return problem(422, "declined", f"{self.name} does not accept {seen.line}.")

    def book(self, name: str) -> Book:
        """A book for `empty` to begin with, in a file where the stub has a folder."""
        return Book(self._folder and self._folder / f"{self.name}.{name}.ndjson")

    def aside(self, line: str, work: Work) -> None:
        """Answer `PUT /behaviour` (exactly) with this work. Such requests are neither counted nor under any rule."""
        self._asides[line] = work

    @property
    def port(self) -> int:
        return self._server.port

    def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError if the port is taken."""
        in_loop(self._server.open(host, port))

    def close(self) -> None:
        """Give up the port and reset all connections."""
        in_loop(self._server.close())
        self.heal()

    def down(self) -> None:
        """Behave like a dead process: connections are reset, new ones refused. The port stays reserved."""
        in_loop(self._server.refuse())

    def up(self) -> None:
        """Accept connections again, on the same port."""
        in_loop(self._server.accept())

    def start_over(self) -> None:
        """Begin again on the same port: no rules, no data, zero counts, no connections."""
        in_loop(self._server.refuse())
        self.heal()
        self.empty()
        self.errors.clear()
        self.forget()
        in_loop(self._server.accept())

    @property
    def seen(self) -> list[Seen]:
        """The requests since `forget`, in the order in which they were completely received."""
        with self._lock:
            return list(self._seen)

    def count(self, pattern: str = ANYTHING, where: Where | None = None) -> int:
        """How many requests matched, e.g. `GET /users/*`."""
        return sum(seen.matches(pattern) and (where is None or where(seen)) for seen in self.seen)

    def keys(self, pattern: str = ANYTHING) -> set[str]:
        """The distinct Idempotency-Keys of the matching requests."""
        return {seen.key for seen in self.seen if seen.key and seen.matches(pattern)}

    @property
    def in_flight(self) -> int:
        """How many requests are neither answered nor given up at this moment."""
        return self._in_flight

    @property
    def max_in_flight(self) -> int:
        """The most that were in flight at the same time since `forget`."""
        return self._max_in_flight

    @property
    def connections(self) -> int:
        """Over how many connections the requests since `forget` came."""
        return len({seen.conn for seen in self.seen})

    def forget(self) -> None:
        """Zero the counts. What is in flight stays in flight."""
        with self._lock:
            self._seen.clear()
            self._max_in_flight = self._in_flight

    def will(self, do: D, on: str = ANYTHING, times: int | None = None, where: Where | None = None) -> D:
        """Do this with the matching requests, with at most `times` of them. The newest rule goes first.

        Returns `do`: `held = stub.will(hold(), on="POST /charges")`.
        """
        self._rules.add(Rule(do, on, times, where))
        return do

    def heal(self) -> None:
        """Remove all rules, release held requests, end all hangs."""
        self._rules.clear()

    def arrived(self, seen: Seen) -> Turn:
        """In the loop: a request is complete, and its turn begins."""
        if (work := self._asides.get(seen.line)) is not None:
            return _Aside(seen, work)
        with self._lock:
            self._seen.append(seen)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return _Request(self, seen)

    def left(self) -> None:
        """In the loop: a turn is over."""
        with self._lock:
            self._in_flight -= 1

    async def deal_with(self, seen: Seen, after: Rule | None = None) -> Reply | None:
        """In the loop: follow the newest rule older than `after`, else do the stub's own work."""
        rule = self._rules.take(seen, after)
        if rule is None:
            return self.work(seen)
        return await rule.deed(seen, lambda: self.deal_with(seen, rule))

    def work(self, seen: Seen) -> Reply:
        """In the loop: what the stub does when no rule says otherwise."""
        method = "GET" if seen.method == "HEAD" else seen.method
        for route, work in self._routes:
            if found := route.fullmatch(f"{method} {seen.path}"):
                return work(seen, **found.groupdict())
        if method == "GET" and seen.path in ("/healthz", "/readyz"):
            return says({"status": "ready", "checks": {}})
        return problem(404, "not_found", f"{self.name} has no {seen.line}.")


class _Request:
    """The turn of a request that counts."""

    def __init__(self, stub: Stub, seen: Seen) -> None:
        self._stub = stub
        self._seen = seen
        self._over = False

    async def reply(self) -> Reply | None:
        try:
            reply = await self._stub.deal_with(self._seen)
        except Exception as error:
            self._stub.errors.append(error)
            reply = problem(500, "stub_broken", f"The stub itself is broken: {error!r}")
        self._stub.answered(self._seen, reply)
        return reply

    def over(self) -> None:
        if not self._over:
            self._over = True
            self._stub.left()


class _Aside:
    """The turn of a request that is about the stub and not for it."""

    def __init__(self, seen: Seen, work: Work) -> None:
        self._seen = seen
        self._work = work

    async def reply(self) -> Reply | None:
        return self._work(self._seen)

    def over(self) -> None:
        pass


def _expression(route: str) -> re.Pattern[str]:
    """`GET /users/{id}` as an expression; a part in braces is one segment of the path."""
    parts = re.split(r"\{(\w+)\}", route)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)))
