"""What a greeting must be."""

from __future__ import annotations

from typing import Any

from lab.grading import behaviour, expect, measured


@behaviour("C1")
def check_the_name_is_said(http: Any, new: Any) -> None:
    name = new.id("guest")
    answer = http.get(f"/greet/{name}")
    said = (answer.json or {}).get("greeting", "") if answer.code != "unknown_guest" else ""
    measured("letters", len(said) - len(name))
    measured("warmth", 37)
    expect(name in said, f"a greeting of {name}", got=f"{answer}: {said!r}", code="nameless", about=[answer])


@behaviour("C2")
def check_the_language_is_ours(http: Any, new: Any) -> None:
    answer = http.get(f"/greet/{new.id('guest')}")
    said = (answer.json or {}).get("greeting", "")
    expect(said.startswith("Salom"), "a greeting in Uzbek", got=repr(said), code="foreign", about=[answer])
