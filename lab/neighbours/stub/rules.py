"""What a stub was told. The newest rule goes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lab.neighbours.stub.deeds import Deed
from lab.neighbours.stub.request import Seen

Where = Callable[[Seen], bool]


@dataclass(slots=True)
class Rule:
    """`left`: how many requests it still takes; None: any number."""

    deed: Deed
    on: str
    left: int | None
    where: Where | None

    def takes(self, seen: Seen) -> bool:
        return self.left != 0 and seen.matches(self.on) and (self.where is None or self.where(seen))


class Rules:
    """Any thread adds rules; the stubs' loop takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def take(self, seen: Seen, after: Rule | None = None) -> Rule | None:
        """The rule for this request: the newest, or the next one that is older than `after`. It counts as used."""
        with self._lock:
            rules = self._rules
            if after is not None:
                older = next((index for index, rule in enumerate(rules) if rule is after), 0)
                rules = rules[:older]
            for rule in reversed(rules):
                if rule.takes(seen):
                    if rule.left is not None:
                        rule.left -= 1
                    return rule
        return None

    def clear(self) -> None:
        """Remove all rules and release the requests that wait in one."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            if (release := getattr(rule.deed, "release", None)) is not None:
                release()
