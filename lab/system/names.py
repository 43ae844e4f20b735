"""A name that is not known, and the known one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from lab.locale import tr


def close_to(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names that come close to `word`, the closest first."""
    return get_close_matches(word, sorted(known), n=count, cutoff=0.5)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "payments"?`, or nothing where no known name comes close."""
    close = get_close_matches(word, list(known), n=1)
    return tr('; did you mean "{close}"?', close=close[0]) if close else ""


def instead(word: str, known: Iterable[str]) -> str:
    """The same, and where no known name comes close `; there are a, b`: all of them."""
    known = list(known)
    return did_you_mean(word, known) or (tr("; there are {known}", known=", ".join(known)) if known else "")
