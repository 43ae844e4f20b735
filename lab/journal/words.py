"""Words of the journal that readers show by themselves: each is one word in an event, and a text where it is shown."""

from __future__ import annotations

from lab.locale import mark

STATES = (
    mark("pending"),
    mark("starting"),
    mark("ready"),
    mark("running"),
    mark("degraded"),
    mark("frozen"),
    mark("removed"),
    mark("backoff"),
    mark("down"),
    mark("failed"),
    mark("stopping"),
    mark("stopped"),
    mark("chosen"),
)
"""Of a process, an engine, a run."""
OUTCOMES = (
    mark("ok"),
    mark("lost"),
    mark("late"),
    mark("duplicate"),
    mark("error"),
    mark("refused"),
    mark("redelivered"),
    mark("again"),
)
"""Of a flow; and how a delivery is marked that came again."""
LEVELS = (mark("debug"), mark("info"), mark("warning"), mark("critical"))
"""Of a log line; `error` is an outcome, too."""
CHANGES = (
    mark("begins"),
    mark("is healed"),
    mark("ends"),
    mark("active"),
    mark("healed"),
    mark("expired"),
    mark("done"),
)
"""Of a fault."""
STATUSES = (
    mark("connection lost"),
    mark("connection closed"),
    mark("channel closed"),
    mark("cancelled by the broker"),
    mark("reset"),
)
"""Of flows that never came to their end."""
