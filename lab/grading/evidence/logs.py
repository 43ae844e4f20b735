"""What each process wrote, as files, and where a line stands in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lab.journal.event import Event, Log


def write_logs(events: Iterable[Event], folder: Path) -> dict[str, Path]:
    """Write what each process wrote into `<folder>/<name>.log`, and return the files by name. A story's `place` is a
    line number in these. Raises OSError."""
    lines: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Log):
            lines.setdefault(event.source, []).append(_written(event))
    files: dict[str, Path] = {}
    for name, written in lines.items():
        files[name] = folder / f"{name}.log"
        files[name].write_text("\n".join(written) + "\n", encoding="utf-8")
    return files


def _written(log: Log) -> str:
    # A message may hold line ends of its own (a traceback in JSON); here it stays on its one line.
    message = log.message.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    data = "".join(f" {key}={json.dumps(value, ensure_ascii=False)}" for key, value in log.data.items())
    return f"{log.t:9.3f} {log.level.upper():<8} {message}{data}"


def places_of(events: Iterable[Event]) -> dict[int, str]:
    """Where each log line stands, as `orders.log:118`, by the number of its event."""
    counts: Counter[str] = Counter()
    places: dict[int, str] = {}
    for event in events:
        if isinstance(event, Log):
            counts[event.source] += 1
            places[event.seq] = f"{event.source}.log:{counts[event.source]}"
    return places
