"""Bring the catalogues up to date with what the lab says: `python -m tests.locale.update`.

New messages arrive without a translation, those that nobody says any more go. What still lacks one is listed.
"""

from __future__ import annotations

import sys
from io import BytesIO

from babel.messages.pofile import write_po

from tests.locale import catalogue


def main() -> int:
    said = catalogue.messages()
    missing = 0
    for language in catalogue.TRANSLATED:
        kept = catalogue.translations(language)
        kept.update(said, no_fuzzy_matching=True)
        text = BytesIO()
        write_po(text, kept, width=0, omit_header=True, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
        path = catalogue.path(language)
        header = path.read_text(encoding="utf-8").partition("\n\n")[0]  # without dates, which would differ each time
        path.write_text(f"{header}\n\n{text.getvalue().decode().strip()}\n", encoding="utf-8")
        for message in catalogue.untranslated(kept):
            missing += 1
            print(f"{language}: {message.id}")  # noqa: T201
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
