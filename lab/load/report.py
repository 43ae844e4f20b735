"""Counting what came of the requests, for one Load event a second."""

from __future__ import annotations

from collections.abc import Sequence

from lab.journal.event import Load


class Tally:
    """Counts since the start, and the latencies since the last report."""

    def __init__(self) -> None:
        self._sent = self._ok = self._failed = self._dropped = 0
        self._latencies: list[float] = []

    def sent(self) -> None:
        self._sent += 1

    def answered(self, ok: bool, ms: float) -> None:
        """A request was answered, or failed, `ms` after it was due."""
        if ok:
            self._ok += 1
        else:
            self._failed += 1
        self._latencies.append(ms)

    def dropped(self) -> None:
        """A visitor was turned away: too many are in the system already."""
        self._dropped += 1

    def report(self, rate: float) -> Load:
        """The counts as an event; begins the next second."""
        latencies, self._latencies = sorted(self._latencies), []
        return Load(
            rate=rate,
            sent=self._sent,
            ok=self._ok,
            failed=self._failed,
            dropped=self._dropped,
            p50=percentile(latencies, 0.50),
            p99=percentile(latencies, 0.99),
        )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None of no values."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * share // 1))
    return round(ordered[int(rank) - 1], 3)
