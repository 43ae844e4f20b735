"""Says what happened, by what monitoring has of it: stdin holds the figures and the lines of each service.

It goes down the chain. orders fails for the gateway when users fails for orders, so what orders has to say of its own
dependencies comes first; of a service that is down or stands still there is nothing to hear, and then its caller knows.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

FAILURES = "dependency_failures_total"
WEATHER = 3
"""Fewer failed calls than these are no incident."""
DEEPEST_FIRST = ("orders", "gateway")


def main() -> None:
    dependency, kind = diagnosis(json.load(sys.stdin))
    sys.stdout.write(json.dumps({"dependency": dependency, "kind": kind}) + "\n")


def diagnosis(told: dict[str, Any]) -> tuple[str | None, str | None]:
    """Who failed and how, or twice nothing."""
    for service in DEEPEST_FIRST:
        failed = failures(told[service])
        calls = Counter({who: sum(kinds.values()) for who, kinds in failed.items()})
        for dependency, count in calls.most_common(1):
            if count >= WEATHER:
                return dependency, failed[dependency].most_common(1)[0][0]
    return None, None


def failures(service: dict[str, Any]) -> dict[str, Counter[str]]:
    """The failed calls of a service between the two looks at its figures: by dependency, then by kind."""
    grown: dict[str, Counter[str]] = {}
    for sign, samples in ((1, service["after"] or []), (-1, service["before"] if service["after"] else [])):
        for sample in samples:
            if sample["name"] == FAILURES:
                kinds = grown.setdefault(sample["labels"]["dependency"], Counter())
                kinds[sample["labels"]["kind"]] += sign * int(sample["value"])
    return grown


if __name__ == "__main__":
    main()
