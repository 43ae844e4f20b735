"""What every room raises when something that a person asked for cannot be done."""

from __future__ import annotations

from collections.abc import Iterable


class Refusal(Exception):
    """`what` is one sentence without a full stop; `why` holds the lines that explain it, or nothing.

    Who shows it (a command, a screen) adds what the person can do next. The classes that derive from it carry the data
    for that.
    """

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.what, self.why)))


class Unknown(Refusal):
    """There is no `kind` (exercise, run, day ...) that is called `word`; `known` are the names that there are."""

    def __init__(self, kind: str, word: str, known: Iterable[str] = ()) -> None:
        from lab.system.names import close_to

        self.kind = kind
        self.word = word
        self.known = tuple(known)
        if close := close_to(word, self.known):
            why = f"Did you mean {' or '.join(close)}?"
        elif self.known:
            why = f"There are: {', '.join(sorted(self.known))}"
        else:
            why = "There are none."
        super().__init__(f'there is no {kind} "{word}"', why)
