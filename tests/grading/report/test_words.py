"""The labels of a report, in the language that is asked for."""

from __future__ import annotations

from lab.grading.report.words import known, label, said


def test_a_label_is_said_in_its_language() -> None:
    assert label("must_count", "en", done=1, all=2) == "must 1 of 2"
    assert label("must_count", "uz", done=1, all=2) == "majburiy 1/2"
    assert known("state_ready", "uz", "ready") == "tayyor"
    assert known("state_unheard_of", "uz", "unheard of") == "unheard of"


def test_english_stands_in() -> None:
    assert label("got", "de") == "got"
    assert said({"en": "yes", "uz": "ha"}, "uz") == "ha"
    assert said({"en": "yes"}, "uz") == "yes"
    assert said({"uz": "ha"}, "de") == "ha"
    assert said({}, "en") == ""
