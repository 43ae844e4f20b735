"""Whether a service can do its work: named checks, some of which it cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Check = Callable[[], str | None]
"""Returns None if all is well, else what is wrong in words. An exception counts as wrong."""


@dataclass
class Health:
    """`required` checks decide between ready and unready; `optional` ones between ready and degraded."""

    required: dict[str, Check] = field(default_factory=dict)
    optional: dict[str, Check] = field(default_factory=dict)

    def report(self) -> tuple[int, dict[str, object]]:
        """The HTTP status and body of `/readyz`."""
        required = {name: _ask(check) for name, check in self.required.items()}
        optional = {name: _ask(check) for name, check in self.optional.items()}
        checks = {name: reason or "ok" for name, reason in (required | optional).items()}
        if any(required.values()):
            return 503, {"status": "unready", "checks": checks}
        return 200, {"status": "degraded" if any(optional.values()) else "ready", "checks": checks}


def _ask(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
