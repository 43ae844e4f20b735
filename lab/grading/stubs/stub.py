"""A stub: a service played by the grader, which counts what it is asked and does as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import TypeVar

from lab.grading.stubs.deeds import Deed
from lab.grading.stubs.loop import in_loop
from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.rules import Rule, Rules, Where
from lab.grading.stubs.server import Server

D = TypeVar("D", bound=Deed)
Work = Callable[..., Reply]
"""Takes the Seen and, by name, the parts of its path that the route names."""

ANYTHING = "* *"


class Stub:
    """Everything may be called from any thread. What it is told holds for every request that arrives after.

    A subclass gives `routes`, its own work by method and path (`GET /users/{id}`), and `empty`, which makes its data as
    it is in the beginning. The work is done in the stubs' loop, one request at a time, so it must be quick.
    """

    name = "stub"

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        """What went wrong in the stub itself (a rule's `where`, say): the lab's own fault. The caller got a 500."""
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._in_flight = 0
        self._max_in_flight = 0
        self._rules = Rules()
        self._routes = [(_expression(route), work) for route, work in self.routes().items()]
        self._server = Server(self.arrived)
        self.empty()

    def empty(self) -> None:
        """Make the data that the stub works on as it is in the beginning."""

    def routes(self) -> dict[str, Work]:
        """What the stub does when nothing else is told."""
        return {}

    @property
    def port(self) -> int:
        return self._server.port

    def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError if the port is taken."""
        in_loop(self._server.open(host, port))

    def close(self) -> None:
        """Give up the port; what is connected is reset."""
        in_loop(self._server.close())
        self.heal()

    def down(self) -> None:
        """Be gone as a dead process is: connections are reset, new ones refused. The port stays ours."""
        in_loop(self._server.refuse())

    def up(self) -> None:
        """Be there again, on the same port."""
        in_loop(self._server.accept())

    def start_over(self) -> None:
        """Be as new, on the same port: no rules, no data, zero counts, nobody connected."""
        in_loop(self._server.refuse())
        self.heal()
        self.empty()
        self.errors.clear()
        self.forget()
        in_loop(self._server.accept())

    @property
    def seen(self) -> list[Seen]:
        """The requests since `forget`, in the order in which they were complete."""
        with self._lock:
            return list(self._seen)

    def count(self, pattern: str = ANYTHING, where: Where | None = None) -> int:
        """How many requests matched, e.g. `GET /users/*`."""
        return sum(seen.matches(pattern) and (where is None or where(seen)) for seen in self.seen)

    def keys(self, pattern: str = ANYTHING) -> set[str]:
        """The distinct Idempotency-Keys of the requests that had one."""
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
        """Do this with the requests that match, with at most `times` of them. The newest rule goes first.

        Returns `do`: `held = stub.will(hold(), on="POST /charges")`.
        """
        self._rules.add(Rule(do, on, times, where))
        return do

    def heal(self) -> None:
        """Forget all rules, let go whoever is held, end all hangs."""
        self._rules.clear()

    def arrived(self, seen: Seen) -> Turn:
        """In the loop: a request is complete, and its turn begins."""
        with self._lock:
            self._seen.append(seen)
            self._in_flight += 1
            self._max_in_flight = max(self._max_in_flight, self._in_flight)
        return Turn(self, seen)

    def left(self) -> None:
        """In the loop: a turn is over."""
        with self._lock:
            self._in_flight -= 1

    async def deal_with(self, seen: Seen, after: Rule | None = None) -> Reply | None:
        """In the loop: do as told by the newest rule older than `after`, else what the stub is for."""
        rule = self._rules.take(seen, after)
        if rule is None:
            return self._work(seen)
        return await rule.deed(seen, lambda: self.deal_with(seen, rule))

    def _work(self, seen: Seen) -> Reply:
        method = "GET" if seen.method == "HEAD" else seen.method
        for route, work in self._routes:
            if found := route.fullmatch(f"{method} {seen.path}"):
                return work(seen, **found.groupdict())
        if method == "GET" and seen.path in ("/healthz", "/readyz"):
            return says({"status": "ready", "checks": {}})
        return problem(404, "not_found", f"{self.name} has no {seen.line}.")


class Turn:
    """One request in a stub: the server asks for its answer and says when it is over."""

    def __init__(self, stub: Stub, seen: Seen) -> None:
        self._stub = stub
        self._seen = seen
        self._over = False

    async def reply(self) -> Reply | None:
        """The answer, or None: reset the connection."""
        try:
            return await self._stub.deal_with(self._seen)
        except Exception as error:
            self._stub.errors.append(error)
            return problem(500, "stub_broken", f"The stub itself is broken: {error!r}")

    def over(self) -> None:
        """It was answered, or never will be. What is said after the first time does not count."""
        if not self._over:
            self._over = True
            self._stub.left()


def _expression(route: str) -> re.Pattern[str]:
    """`GET /users/{id}` as an expression; a part in braces is one segment of the path."""
    parts = re.split(r"\{(\w+)\}", route)
    return re.compile("".join(f"(?P<{part}>[^/]+)" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)))
