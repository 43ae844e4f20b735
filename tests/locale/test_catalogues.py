"""Everything the lab says is there in every language, with the same values, in the words of the glossary."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.locale import LANGUAGES, compiling
from tests.locale import catalogue

ROOT = catalogue.ROOT
GLOSSARY = tomllib.loads((ROOT / "locale" / "glossary.toml").read_text(encoding="utf-8"))


def key(message: Any) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_the_catalogue_has_what_is_said_and_nothing_else(language: str) -> None:
    """If it fails: `python -m tests.locale.update`, then translate what is empty."""
    kept = {key(message) for message in catalogue.translations(language) if message.id}
    said = {key(message) for message in catalogue.messages() if message.id}
    assert said - kept == set(), "new messages"
    assert kept - said == set(), "nobody says these any more"


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_every_message_is_translated(language: str) -> None:
    assert [message.id for message in catalogue.untranslated(catalogue.translations(language))] == []


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_a_translation_has_the_values_of_its_message(language: str) -> None:
    differs = [
        message.id
        for message in catalogue.translations(language)
        if message.id and any(values(form) != values(*key(message)) for form in catalogue.forms(message))
    ]
    assert differs == []


def values(*texts: str) -> set[str]:
    """The placeholders of the texts, with how each is formatted."""
    found = set()
    for text in texts:
        try:
            parsed = list(string.Formatter().parse(text))
        except ValueError:  # it has code in it, and nothing is put into it
            found.update(re.findall(r"\{[^{}]*\}", text))
            continue
        found.update(f"{name}!{conversion}:{spec}" for _, name, spec, conversion in parsed if name is not None)
    return found


def test_messages_are_written_out_where_they_are_said() -> None:
    """A message made of pieces, or with values in it, is none that a catalogue could have."""
    wrong = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file in catalogue.sources()
        for function, call in catalogue.calls(file)
        for text in call.args[: catalogue.FUNCTIONS[function]]
        if isinstance(text, ast.JoinedStr | ast.BinOp)
    ]
    assert wrong == []


def uzbek() -> Iterator[tuple[str, str]]:
    """All Uzbek that the lab itself says, with its place."""
    for message in catalogue.translations("uz"):
        for form in catalogue.forms(message) if message.id else []:
            yield f"lab.po: {key(message)[0]}", form
    for file in sorted(ROOT.glob("day*/**/*.toml")):
        for text in in_uzbek(tomllib.loads(file.read_text(encoding="utf-8"))):
            yield str(file.relative_to(ROOT)), text


def taught() -> Iterator[tuple[str, str]]:
    """All Uzbek of the exercises, with its place."""
    for file in sorted(ROOT.glob("exercises/**/*.uz.md")):
        yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
    for file in sorted(ROOT.glob("exercises/**/*.toml")):
        for text in in_uzbek(tomllib.loads(file.read_text(encoding="utf-8"))):
            yield str(file.relative_to(ROOT)), text


def in_uzbek(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name == "uz" and isinstance(value, str):
                yield value
            else:
                yield from in_uzbek(value)
    elif isinstance(data, list):
        for value in data:
            yield from in_uzbek(value)


def in_both(data: Any) -> Iterator[tuple[str, str]]:
    """Each sentence in English and in Uzbek."""
    if isinstance(data, dict):
        if isinstance(data.get("en"), str) and isinstance(data.get("uz"), str):
            yield data["en"], data["uz"]
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from in_both(value)


def prose(text: str) -> str:
    """Without code and values: names in them are nobody's words."""
    text = re.sub(r"^(  |\[).*$", "·", text, flags=re.MULTILINE)  # examples in help are indented
    return re.sub(r"```.*?```|`[^`]*`|https?://\S+|\{[^}]*\}", "·", text, flags=re.DOTALL)


UZBEK = [(place, prose(text)) for place, text in uzbek()]
TAUGHT = [(place, prose(text)) for place, text in taught()]


@pytest.mark.parametrize("word", GLOSSARY["uz"]["never"])
def test_words_that_the_glossary_forbids_are_not_said(word: str) -> None:
    assert with_word(word, UZBEK) == []


@pytest.mark.parametrize("word", GLOSSARY["uz"]["never"])
def test_words_that_the_glossary_forbids_are_not_taught(word: str) -> None:
    assert with_word(word, TAUGHT) == []


def with_word(word: str, texts: list[tuple[str, str]]) -> list[str]:
    """Places of the texts in which the word is said. It is the beginning of one, so that its endings are found too;
    with ! at its end it is the whole word. What stands behind `:` or `>` is a name in code: `payments:provider`."""
    end = r"(?!\w)" if word.endswith("!") else ""
    pattern = re.compile(rf"(?<![\w‘’:>]){re.escape(word.rstrip('!'))}{end}", re.IGNORECASE)
    return [place for place, text in texts if pattern.search(text)]


@pytest.mark.parametrize("term", GLOSSARY["uz"]["terms"])
def test_terms_are_said_as_the_glossary_says(term: str) -> None:
    """Where the English has the term, the Uzbek has one of its words."""
    words = GLOSSARY["uz"]["terms"][term]
    pattern = re.compile(rf"(?<![\w.-]){term}(?![\w-])")
    wrong = [
        message.id
        for message in catalogue.translations("uz")
        if message.id
        and pattern.search(prose(key(message)[0]))
        and not any(word.lower() in form.lower() for form in catalogue.forms(message) for word in words)
    ]
    assert wrong == []


@pytest.mark.parametrize("term", GLOSSARY["uz"]["taught"])
def test_terms_are_taught_as_the_glossary_says(term: str) -> None:
    words = GLOSSARY["uz"]["terms"][term]
    pattern = re.compile(rf"(?<![\w.-]){term}(?![\w-])")
    wrong = [
        f"{file.relative_to(ROOT)}: {english}"
        for file in sorted([*ROOT.glob("day*/**/*.toml"), *ROOT.glob("exercises/**/*.toml")])
        for english, said in in_both(tomllib.loads(file.read_text(encoding="utf-8")))
        if pattern.search(prose(english)) and not any(word.lower() in said.lower() for word in words)
    ]
    assert wrong == []


def test_uzbek_is_written_with_its_own_signs() -> None:
    """o‘ and g‘ with U+2018, the tutuq sign with U+2019; the straight apostrophe is for code."""
    wrong = re.compile(r"(?<!\w)[btyqkhsmrdj]*[OoGg]’(?=[a-z])|[OoGg]['`](?=\w)|[A-Za-z‘·]'(?=[a-z])|[ʻʼ´]")
    assert {place: found for place, text in (*UZBEK, *TAUGHT) if (found := wrong.findall(text))} == {}


def test_what_is_compiled_is_what_babel_reads() -> None:
    for language in catalogue.TRANSLATED:
        path: Path = catalogue.path(language)
        ours = compiling.messages(path.read_text(encoding="utf-8"))
        theirs = {
            "\0".join(key(message)): "\0".join(catalogue.forms(message))
            for message in catalogue.translations(language)
            if message.id and all(catalogue.forms(message))
        }
        assert {name: text for name, text in ours.items() if name} == theirs


def test_scenarios_speak_every_language() -> None:
    scenarios = sorted(ROOT.glob("day*/scenarios/*.toml"))
    assert scenarios
    for file in scenarios:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for said in (data["title"], *(step["say"] for step in data["step"])):
            assert set(said) == set(LANGUAGES), file.name
            assert all(text.strip() for text in said.values()), file.name
