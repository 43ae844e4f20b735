"""What the lab says, in the reader's language: `tr("no run is live")`, `tr("{count} lost", count=3)`.

A text is written in English where it is said, and the catalogue of the language (`uz/LC_MESSAGES/lab.po`) has its
translation. A process speaks the language that LAB_LANG names, and hands it to what it starts; `choice` decides it
once, when a command begins. `tr` is no `_`, because that is the name of a value that nobody needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

LANGUAGES = ("en", "uz")
"""Those that every text is in. The first is what the texts are written in, and what is spoken if nothing is said."""
VARIABLE = "LAB_LANG"
CATALOGUES = Path(__file__).parent


def tr(text: str, /, **values: object) -> str:
    """The text in the language that is spoken, with the values put in; as it is where there is no translation."""
    said = _spoken.catalogue.gettext(text) if _spoken.catalogue and text else text
    return said.format(**values) if values else said


def trn(one: str, many: str, count: int, /, **values: object) -> str:
    """The same for a text that counts: `trn("{count} run", "{count} runs", n)`. It knows `count`."""
    said = one if count == 1 else many
    if _spoken.catalogue:
        said = _spoken.catalogue.ngettext(one, many, count)
    return said.format(count=count, **values)


def mark(text: str) -> str:
    """The text as it is, for the catalogue: where it is known before it is said. Say it with `tr`."""
    return text


def language() -> str:
    """The one that is spoken."""
    return _spoken.language


def speak(wanted: str) -> None:
    """Speak it from now on, in this process and in those that it starts; English if it is not known."""
    _spoken.to(wanted)
    os.environ[VARIABLE] = _spoken.language


@contextmanager
def speaking(wanted: str) -> Iterator[None]:
    """Within it that language is spoken, in every thread of this process."""
    before = _spoken.language
    _spoken.to(wanted)
    try:
        yield
    finally:
        _spoken.to(before)


class _Spoken:
    def __init__(self) -> None:
        self.language = LANGUAGES[0]
        self.catalogue: NullTranslations | None = None
        self._read: dict[str, NullTranslations] = {}

    def to(self, wanted: str) -> None:
        self.language = wanted if wanted in LANGUAGES else LANGUAGES[0]
        if self.language == LANGUAGES[0]:
            self.catalogue = None
            return
        if self.language not in self._read:
            self._read[self.language] = _catalogue(self.language)
        self.catalogue = self._read[self.language]


def _catalogue(wanted: str) -> NullTranslations:
    """The language's catalogue. A checkout has its source, which is compiled again whenever it is newer."""
    from gettext import GNUTranslations
    from io import BytesIO

    source = CATALOGUES / wanted / "LC_MESSAGES" / "lab.po"
    compiled = source.with_suffix(".mo")
    if source.exists() and not (compiled.exists() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns):
        from lab.locale.compiling import compiled_in_place

        return GNUTranslations(BytesIO(compiled_in_place(source)))
    with compiled.open("rb") as file:
        return GNUTranslations(file)


_spoken = _Spoken()
_spoken.to(os.environ.get(VARIABLE, ""))
