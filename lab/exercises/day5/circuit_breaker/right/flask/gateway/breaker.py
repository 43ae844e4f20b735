"""A circuit breaker with states as objects, after the book's pattern. A lock guards the bookkeeping, never the call."""

import threading
import time
from contextlib import contextmanager


class Open(Exception):
    """Refused: the breaker is open, or somebody else is trying already."""


class Closed:
    metric = 0

    def __init__(self, breaker):
        self.breaker = breaker
        self.failures = 0

    def before(self):
        return self

    def succeeded(self):
        self.failures = 0

    def failed(self):
        self.failures += 1
        if self.failures >= self.breaker.failures:
            self.breaker.become(Opened(self.breaker))


class Opened:
    metric = 1

    def __init__(self, breaker):
        self.breaker = breaker
        self.until = time.monotonic() + breaker.reset

    def before(self):
        if time.monotonic() < self.until:
            raise Open
        return self.breaker.become(HalfOpen(self.breaker)).before()

    def succeeded(self):
        """A call from before."""

    failed = succeeded


class HalfOpen:
    metric = 2

    def __init__(self, breaker):
        self.breaker = breaker
        self.under_way = 0

    def before(self):
        if self.under_way >= self.breaker.probes:
            raise Open
        self.under_way += 1
        return self

    def succeeded(self):
        self.breaker.become(Closed(self.breaker))

    def failed(self):
        self.breaker.become(Opened(self.breaker))


class Breaker:
    def __init__(self, name, failures, reset, probes, told):
        self.name, self.failures, self.reset, self.probes, self._told = name, failures, reset, probes, told
        self.transitions = 0
        self._lock = threading.Lock()
        self.state = Closed(self)

    def become(self, state):
        self.state = state
        self.transitions += 1
        self._told(self.name, type(state).__name__)
        return state

    @contextmanager
    def call(self, *failures):
        """Around a call that may raise one of these failures. What began in an earlier state says nothing about now."""
        with self._lock:
            began_in = self.state.before()
        try:
            yield
        except failures:
            with self._lock:
                if self.state is began_in:
                    self.state.failed()
            raise
        with self._lock:
            if self.state is began_in:
                self.state.succeeded()
