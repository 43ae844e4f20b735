"""A question of a scenario: what does its reader expect before a fault is there, and was that right?

    [[step]]
    at = 8
    say.en = "The next delivery comes twice."
    fault = "duplicate payments->broker"

    [step.ask]
    en = "How many charges does the provider see for that order?"
    uz = "…"
    answer = "charges"              # a measure of the day: what was seen from this step on, until the scenario's end
    until = 20                      # or until so many seconds after the system became ready
    near = 1                        # so much beside it is right, too
    because.en = "The provider saw {charges}: the consumer remembers what it has handled."

A question with `[[step.ask.choice]]` (`is`, and a text in each language) is answered by choosing one of them, another
one by a number (`3`) or a range (`3-10`). A choice may have a `because` of its own, which is said a little later where
that was seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.journal.window import Measured
from lab.locale import tr

_NUMBER = r"-?\d{1,15}(?:[.,]\d{1,9})?"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*(?:-|–|\.\.)\s*({_NUMBER}))?")


class NoAnswer(ValueError):
    """What was typed does not answer the question; the message says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`answer` is the measure that knows it, seen until `until` (seconds on the scenario's clock; None: its end);
    `choices` are texts by the word that the measure gives, in order; none if it is answered by a number, and then
    `near` is how far from it is still right. `because` is said with the answer, `reasons` after that."""

    id: str
    text: str
    answer: str
    until: float | None
    because: str
    choices: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    near: float = 0.0

    def read(self, typed: str) -> str:
        """The prediction in what was typed: a choice's word (its number will do), `3` or `3-10`. Raises NoAnswer."""
        typed = typed.strip()
        if self.choices:
            words = list(self.choices)
            if typed.isdecimal() and 1 <= int(typed) <= len(words):
                return words[int(typed) - 1]
            if typed in words:
                return typed
            raise NoAnswer(tr("choose one by its number, 1 to {count}", count=len(words)))
        if not (match := _RANGE.fullmatch(typed)):
            raise NoAnswer(tr("a number, or a range like 3-10"))
        low, high = (part and part.replace(",", ".") for part in match.groups())
        if high and float(high) < float(low):
            low, high = high, low
        return f"{low}-{high}" if high else low

    def right(self, prediction: str, seen: Measured) -> bool:
        """Whether the prediction, as `read` gave it, is what was seen."""
        if isinstance(seen, str):
            return prediction == seen
        if not (match := _RANGE.fullmatch(prediction)):
            return False
        low, high = match.groups()
        return float(low) - self.near <= seen <= float(high or low) + self.near
