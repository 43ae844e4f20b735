"""The backfill, which never ends: time and again the copy is held against the record."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lab.chassis.periodic import Periodic
from lab.chassis.problems import Problem

log = logging.getLogger(__name__)


def sweeper(sweep: Callable[[], int], every: float) -> Periodic:
    """Sweeps every so many seconds; what one sweep leaves, the next one finds."""
    return Periodic("the sweeper", every, lambda: _once(sweep))


def _once(sweep: Callable[[], int]) -> None:
    try:
        mended = sweep()
    except Problem as problem:
        log.warning("the sweep was broken off: %s", problem.detail)
    else:
        if mended:
            log.info("%d copies were made or mended", mended, extra={"event": "sweep", "mended": mended})
