"""The labels of both languages: the same ones, with the same gaps to fill, in proper letters."""

from __future__ import annotations

import re

from lab.grading.report.words import LABELS, label, said


def test_both_languages_have_the_same_labels_and_gaps() -> None:
    english, uzbek = LABELS["en"], LABELS["uz"]
    assert list(english) == list(uzbek)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", uzbek[key])), key


def test_uzbek_has_its_own_apostrophes() -> None:
    for key, text in LABELS["uz"].items():
        assert "'" not in text, key
        assert not re.search(r"[oOgG]’", text), key


def test_english_stands_in() -> None:
    assert label("got", "de") == "got"
    assert said({"en": "yes", "uz": "ha"}, "uz") == "ha"
    assert said({"en": "yes"}, "uz") == "yes"
    assert said({"uz": "ha"}, "de") == "ha"
    assert said({}, "en") == ""
