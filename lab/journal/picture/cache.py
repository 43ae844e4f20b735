"""A cache as a run's events show it: what was found and what not, which copies live, and who all missed at once."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass
from typing import Literal, Self

from lab.journal.event import Event, Flow, Log
from lab.journal.staleness import Staleness, thing_of

Word = Literal["HIT", "MISS", "SET", "DEL", "STALE"]

AT_ONCE = 0.1
"""Seconds within which misses of one key are one crowd."""
WAVE = 2.0
"""Seconds after its height in which a stampede ebbs away."""
CROWD = 3
"""So many of them are a stampede."""
KEYS = 500
"""Keys that are told apart; what comes after is counted with all the others only."""
SECONDS = 60
RECENT = 1_000
COPIED = 200
"""Moments that a snapshot keeps."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a key; of a miss, the how many-th of its crowd it is."""

    t: float
    word: Word
    key: str
    event: Flow | Log
    crowd: int = 0

    @property
    def stampede(self) -> bool:
        return self.crowd >= CROWD


@dataclass(slots=True)
class KeyPicture:
    """A key: how often it was asked for and found, and when its copy ends (None: there is none, or it never does)."""

    key: str
    asked: int = 0
    hits: int = 0
    expires: float | None = None

    def left(self, now: float) -> float | None:
        """Seconds that its copy has to live."""
        return None if self.expires is None or self.expires <= now else self.expires - now


class Cache:
    """The fold of a run's events into its caches: every store that was seen to say hit or miss."""

    def __init__(self) -> None:
        self.asked = 0
        self.hits = 0
        self.loads = 0
        """Reads by those who use a cache, of anything else: what the cache could not save."""
        self.stale = 0
        self.keys: dict[str, KeyPicture] = {}
        self.recent: deque[Moment] = deque(maxlen=RECENT)
        self.stampede: Moment | None = None
        """The miss that made the latest crowd the largest."""
        self._seconds: deque[tuple[int, int, int]] = deque(maxlen=SECONDS)
        self._links: frozenset[str] = frozenset()
        self._users: frozenset[str] = frozenset()
        self._misses: dict[str, tuple[float, ...]] = {}
        self._versions = Staleness()

    @property
    def misses(self) -> int:
        return self.asked - self.hits

    @property
    def trend(self) -> list[float]:
        """How much of what was asked for was there (0-1), by seconds in which there was something asked for."""
        return [hits / asked for _, asked, hits in self._seconds]

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in the order of their `seq`."""
        if isinstance(event, Log):
            if self._versions.stale(event):
                self.stale += 1
                self.recent.append(Moment(event.t, "STALE", " ".join(thing_of(event)), event))
        elif isinstance(event, Flow) and event.role == "call":
            if event.hit is not None:
                self._asked(event, found=event.hit)
            elif event.link in self._links:
                self._changed(event)
            elif event.source in self._users and event.op.startswith("GET "):
                self.loads += 1

    def copy(self) -> Self:
        other = copy(self)
        other.keys = {name: copy(key) for name, key in self.keys.items()}
        other.recent = deque(list(self.recent)[-COPIED:], maxlen=RECENT)
        other._seconds = self._seconds.copy()
        other._misses = dict(self._misses)
        other._versions = self._versions.copy()
        return other

    def _asked(self, flow: Flow, *, found: bool) -> None:
        self._links |= {flow.link}
        self._users |= {flow.source}
        self.asked += 1
        self.hits += found
        second, asked, hits = self._seconds.pop() if self._seconds else (int(flow.t), 0, 0)
        if second != int(flow.t):
            self._seconds.append((second, asked, hits))
            second, asked, hits = int(flow.t), 0, 0
        self._seconds.append((second, asked + 1, hits + found))
        if key := self._key(flow.key):
            key.asked += 1
            key.hits += found
        if found:
            self.recent.append(Moment(flow.t, "HIT", flow.key, flow))
            return
        crowd = (*(t for t in self._misses.get(flow.key, ()) if flow.t - t <= AT_ONCE), flow.t)
        if key:
            self._misses[flow.key] = crowd
        missed = Moment(flow.t, "MISS", flow.key, flow, len(crowd))
        self.recent.append(missed)
        if missed.stampede and not _larger(self.stampede, missed):
            self.stampede = missed

    def _changed(self, flow: Flow) -> None:
        verb, key = flow.op.partition(" ")[0], self._key(flow.key)
        if flow.outcome != "ok" or not flow.key:
            return
        if verb in ("SET", "SETEX", "PSETEX"):
            self.recent.append(Moment(flow.t, "SET", flow.key, flow))
            if key:
                key.expires = None if flow.ttl is None else flow.t + flow.ttl
        elif verb in ("DEL", "UNLINK"):
            self.recent.append(Moment(flow.t, "DEL", flow.key, flow))
            if key:
                key.expires = None

    def _key(self, name: str) -> KeyPicture | None:
        if name not in self.keys and len(self.keys) < KEYS:
            self.keys[name] = KeyPicture(name)
        return self.keys.get(name)


def _larger(last: Moment | None, missed: Moment) -> bool:
    """Whether the miss belongs to the same stampede, past its height."""
    return last is not None and last.key == missed.key and missed.t - last.t < WAVE and last.crowd > missed.crowd
