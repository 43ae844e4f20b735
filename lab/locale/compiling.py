"""A catalogue's source (`lab.po`) becomes what gettext reads (`lab.mo`): when the lab is built, and in a checkout.

It reads what `python -m tests.locale.update` writes, and imports nothing but the standard library, so that neither a
build nor a checkout needs Babel.
"""

from __future__ import annotations

import ast
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])? )?"(.*)"$')
MAGIC = 0x950412DE


class InvalidCatalogue(ValueError):
    """The source is not understood. The message has the line."""


def compiled_in_place(source: Path) -> bytes:
    """The compiled catalogue, written beside its source where that may be written. Raises InvalidCatalogue, OSError."""
    made = compiled(source.read_text(encoding="utf-8"))
    target = source.with_suffix(".mo")
    try:
        handle, name = tempfile.mkstemp(dir=source.parent, prefix=".lab.mo.")
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        Path(name).chmod(0o644)
        Path(name).replace(target)  # at once: others may be reading it
    except OSError:
        pass  # an installation that may not be written is compiled anew each time
    return made


def compiled(source: str) -> bytes:
    """The same catalogue as gettext reads it: entries without a translation are left out."""
    entries = sorted((key.encode(), value.encode()) for key, value in messages(source).items())
    ids, texts = b"", b""
    offsets = []
    for key, value in entries:
        offsets.append((len(key), len(ids), len(value), len(texts)))
        ids += key + b"\0"
        texts += value + b"\0"
    keys_at = 7 * 4 + 16 * len(entries)
    texts_at = keys_at + len(ids)
    first = b"".join(struct.pack("<2I", length, keys_at + at) for length, at, _, _ in offsets)
    second = b"".join(struct.pack("<2I", length, texts_at + at) for _, _, length, at in offsets)
    head = struct.pack("<7I", MAGIC, 0, len(entries), 7 * 4, 7 * 4 + 8 * len(entries), 0, 0)
    return head + first + second + ids + texts


def messages(source: str) -> dict[str, str]:
    """Translations by message; the forms of one that counts are joined with NUL, as gettext wants them."""
    found = {}
    for entry in _entries(source):
        forms = [text for field, text in entry.items() if field.startswith("msgstr")]
        if all(forms):
            key = "\0".join(entry[field] for field in ("msgid", "msgid_plural") if field in entry)
            found[key] = "\0".join(forms)
    return found


def _entries(source: str) -> Iterator[dict[str, str]]:
    """The fields of each entry: `msgid`, `msgstr`, `msgstr0` ... Those marked as fuzzy are none."""
    entry: dict[str, str] = {}
    field, fuzzy = "", False
    for number, line in enumerate(source.splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("#"):
            if entry:
                yield entry
                entry, fuzzy = {}, False
            fuzzy = fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        if not (match := LINE.match(line)):
            raise InvalidCatalogue(f"line {number}: {line}")
        if match[1] == "msgid" and "msgid" in entry:
            if not fuzzy:
                yield entry
            entry, fuzzy = {}, False
        if match[1]:
            field = match[1] + (match[2] or "")
            entry[field] = ""
        entry[field] += ast.literal_eval(f'"{match[3]}"')
    if entry and not fuzzy:
        yield entry
