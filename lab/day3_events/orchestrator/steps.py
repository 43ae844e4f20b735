"""The whole saga on one page: what it waits for, and what comes next. Plain data, without a database or a broker.

    charging ──approved──▶ confirming ──confirmed──▶ notifying ──sent──▶ ended
       │ │                     │                         ▲
       │ └─declined──▶ cancelling ──cancelled────────────┘
       │                       ▲
       └─ no answer in time ─▶ refunding (also if the customer has cancelled meanwhile)

The order's confirmation is the point of no return: before it all can be undone, after it all is tried until it
succeeds. Compensation goes backwards: first the money, then the order. A step that answers "I do not know" (it did not
answer in time) is undone like one that was done.
"""

from __future__ import annotations

from collections.abc import Mapping

CHARGING, CONFIRMING, REFUNDING, CANCELLING, NOTIFYING, ENDED = (
    "charging",
    "confirming",
    "refunding",
    "cancelling",
    "notifying",
    "ended",
)
TIMED_OUT = "no answer in time"

NEXT: Mapping[tuple[str, str], str] = {
    (CHARGING, "payment.approved"): CONFIRMING,
    (CHARGING, "payment.declined"): CANCELLING,
    (CHARGING, "order.cancelled"): REFUNDING,
    (CHARGING, TIMED_OUT): REFUNDING,
    (CONFIRMING, "order.confirmed"): NOTIFYING,
    (CONFIRMING, "order.cancelled"): REFUNDING,
    (REFUNDING, "payment.refunded"): CANCELLING,
    (CANCELLING, "order.cancelled"): NOTIFYING,
    (NOTIFYING, "mail.sent"): ENDED,
}
"""The step that follows when this happens in that one. What is not here changes nothing: it is a duplicate, or an
answer that nobody waits for any more."""

COMMANDS: Mapping[str, str] = {
    CHARGING: "payment.charge",
    CONFIRMING: "order.confirm",
    REFUNDING: "payment.refund",
    CANCELLING: "order.cancel",
    NOTIFYING: "mail.send",
}
"""What somebody is told to do when a step begins."""

ANSWERS = sorted({happened for _, happened in NEXT} - {TIMED_OUT})


def state(step: str, outcome: str, reason: str) -> str:
    """The saga in one word: running, compensating, completed or compensated."""
    undone = outcome == "cancelled" or step in (REFUNDING, CANCELLING) or bool(reason)
    if step == ENDED:
        return "compensated" if undone else "completed"
    return "compensating" if undone else "running"
