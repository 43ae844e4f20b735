"""Lint finds what an exercise lacks without running it: texts in each language, checks, claims, folders.

Each finding is a sentence; a complete exercise has none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from lab import neighbours
from lab.course import claims, contract, links, texts
from lab.course.beginning import TODO
from lab.course.exercise import Exercise
from lab.course.records import written
from lab.course.variants import REMOVED, Variant, removed, variants
from lab.course.walls import crossings
from lab.locale import LANGUAGES
from lab.system.names import did_you_mean

MARK = "behaviour"
"""The decorator that says which behaviour a check proves."""
BORROWED = "borrowed"
"""Makes a check of another exercise one of this: `check_x = borrowed("C2", other.check_x)`."""


def lint(exercise: Exercise, known: Sequence[Exercise]) -> list[str]:
    """Everything that is missing or wrong. `known` are all exercises, so that the names of others can be resolved."""
    return [
        *_written(exercise),
        *_briefs(exercise),
        *_hints(exercise),
        *_checks(exercise),
        *_contract(exercise),
        *claims.gaps(exercise),
        *_programs(exercise),
        *_killed(exercise),
        *_just(exercise),
        *_read(exercise),
        *crossings(exercise),
        *_others(exercise, known),
    ]


def proved(source: str) -> dict[str, list[str]]:
    """The check functions in the text of `checks.py` by the behaviour they prove; `""` holds those that prove none.

    Raises SyntaxError.
    """
    found: dict[str, list[str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            marks = [mark for mark in map(_marked, node.decorator_list) if mark]
            if marks or node.name.startswith("check_"):
                found.setdefault(marks[0] if marks else "", []).append(node.name)
        elif isinstance(node, ast.Assign) and (mark := _marked(node.value, BORROWED)):
            found.setdefault(mark, []).append(ast.unparse(node.targets[0]))
    return found


def _marked(decorator: ast.expr, by: str = MARK) -> str:
    if not isinstance(decorator, ast.Call) or not decorator.args:
        return ""
    called, first = decorator.func, decorator.args[0]
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    return first.value if name == by and isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _briefs(exercise: Exercise) -> Iterator[str]:
    for language in LANGUAGES:
        name = f"brief.{language}.md"
        try:
            text = texts.written(exercise.folder, "brief", language)
        except (OSError, UnicodeDecodeError):
            yield f"{name}: missing, or no text"
            continue
        yield from (f"{name}: speaks to [{tongue}], a language that is not known" for tongue in texts.strangers(text))
        if len(texts.sections(text)) < texts.PARTS:
            yield f"{name}: has fewer than {texts.PARTS} sections: the story, explanation, what will be tested, notes"
        for behaviour in exercise.behaviours:
            if not re.search(rf"\b{re.escape(behaviour.id)}\b", text):
                yield f"{name}: does not name {behaviour.id}"


def _written(exercise: Exercise) -> Iterator[str]:
    """Places of the skeleton that nobody has filled in."""
    for path in sorted(path for path in exercise.folder.iterdir() if path.is_file()):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"\b{TODO}\b", line):
                yield f"{path.name}:{number}: is still to be written"


def _hints(exercise: Exercise) -> Iterator[str]:
    orders = set()
    for language in LANGUAGES:
        name = f"hints.{language}.md"
        try:
            topics = texts.hints(exercise.folder, language)
            heard = {tongue: texts.hints(exercise.folder, language, tongue) for tongue in texts.TONGUES}
        except (OSError, UnicodeDecodeError):
            yield f"{name}: missing, or no text"
            continue
        orders.add(tuple(topic.behaviours for topic in topics))
        covered = [behaviour for topic in topics for behaviour in topic.behaviours]
        for behaviour in exercise.behaviours:
            if not behaviour.gold and behaviour.id not in covered:
                yield f"{name}: no hint is on {behaviour.id}"
        for ident in sorted({ident for ident in covered if covered.count(ident) > 1}):
            yield f"{name}: {ident} has two topics"
        for ident in sorted(set(covered) - {behaviour.id for behaviour in exercise.behaviours}):
            yield f"{name}: has hints on {ident}, which is no behaviour of {exercise.id}"
        for topic in topics:
            on = ", ".join(topic.behaviours)
            if len(topic.steps) != texts.STEPS or not all(topic.steps):
                yield f"{name}: has {len(topic.steps)} hints on {on}, not {texts.STEPS}, or an empty one"
            elif not topic.steps[0].endswith("?"):
                yield f"{name}: the first hint on {on} is no question"
        for tongue, those in heard.items():
            for topic in those:
                if len(topic.steps) != texts.STEPS:
                    yield f"{name}: on {', '.join(topic.behaviours)} a hint says nothing to those who write {tongue}"
    if len(orders) > 1:
        yield "hints: the topics differ from one language to the other"


def _checks(exercise: Exercise) -> Iterator[str]:
    name = exercise.checks.name
    try:
        found = proved(exercise.checks.read_text(encoding="utf-8"))
    except OSError:
        yield f"{name}: missing"
        return
    except (SyntaxError, UnicodeDecodeError):
        return  # lab.course.walls reports it
    for function in found.pop("", []):
        yield f"{name}: {function} does not say which behaviour it proves"
    promised = {behaviour.id for behaviour in exercise.behaviours}
    for ident in sorted(promised - set(found)):
        yield f"{name}: nothing proves {ident}"
    for ident in sorted(set(found) - promised):
        yield f"{name}: {', '.join(found[ident])} proves {ident}, which is no behaviour of {exercise.id}"


def _contract(exercise: Exercise) -> Iterator[str]:
    try:
        briefs = {language: texts.written(exercise.folder, "brief", language) for language in LANGUAGES}
        sources = [path.read_text(encoding="utf-8") for path in exercise.folder.glob("*.py")]
        found = {
            node.value for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)
        }
    except (OSError, SyntaxError, UnicodeDecodeError):
        return  # reported already
    yield from contract.gaps(exercise, briefs, frozenset(word for word in found if isinstance(word, str)))


def _programs(exercise: Exercise) -> Iterator[str]:
    for kind in ("starter", "solution"):
        if not (exercise.folder / kind).is_dir():
            yield f"{kind}: missing"
    for path in sorted(exercise.folder.glob("s*.*/")):
        kind, _, language = path.name.partition(".")
        if kind in ("starter", "solution") and language not in exercise.run:
            yield f"{path.name}: exercise.toml does not say how {language} is run"
    for variant in variants(exercise):
        if variant.kind != "wrong":
            for service in exercise.programs:
                if not any((exercise.folder / layer.name / service.name).is_dir() for layer in variant.layers):
                    yield f"{variant.name}/{service.name}: missing"
            yield from _needless(exercise, variant)
    yield from _links(exercise)


def _needless(exercise: Exercise, variant: Variant) -> Iterator[str]:
    """Files that a solution stores or removes in vain, because the starter has the same or none."""
    *below, layer = (exercise.folder / one.name for one in variant.layers)
    for starter in below:
        for path in written(layer):
            same = starter / path.relative_to(layer)
            if same.is_file() and same.read_bytes() == path.read_bytes():
                yield f"{path.relative_to(exercise.folder)}: is the same in {starter.name}, so it need not stand here"
        for name in removed(layer):
            if not (starter / name).is_file():
                yield f"{layer.name}/{REMOVED}: names {name}, which {starter.name} does not have"


def _links(exercise: Exercise) -> Iterator[str]:
    """Links lead to files that several programs share, and each is stored once, among the exercises."""
    for path in sorted(exercise.folder.rglob("*")):
        if path.is_symlink():
            place = path.relative_to(exercise.folder)
            if not path.is_file():
                yield f"{place}: links to no file"
            elif not path.resolve().is_relative_to(exercise.folder.resolve().parents[1]):
                yield f"{place}: links to a file outside the exercises"


def _killed(exercise: Exercise) -> Iterator[str]:
    for behaviour in exercise.behaviours:
        if not behaviour.gold and not any(wrong.fails == behaviour.id for wrong in exercise.wrong):
            yield f"wrong: no wrong service fails {behaviour.id}, so nothing shows that its check can fail"


def _read(exercise: Exercise) -> Iterator[str]:
    leading = {f"exercise.toml: {one.id}": one.read for one in exercise.behaviours}
    leading |= {f"wrong/{one.name}": one.read for one in exercise.wrong}
    known = links.headings(leading.values())
    for place, screen in leading.items():
        if screen and screen not in known:
            yield f"{place}: no lesson has the screen {screen}"


def _just(exercise: Exercise) -> Iterator[str]:
    if not exercise.right:
        yield "right: no correct service of another style passes, so nothing shows that the checks are just"


def _others(exercise: Exercise, known: Sequence[Exercise]) -> Iterator[str]:
    for name in exercise.stubs:
        if name not in neighbours.names():
            yield f"exercise.toml: no ready-made stub is named {name}{did_you_mean(name, neighbours.names())}"
    by_id = {other.id: other for other in known}
    for ident in exercise.needs:
        if ident not in by_id:
            yield f"exercise.toml: needs {ident}, which there is not"
    for service in exercise.services:
        if not service.carries:
            continue
        earlier = by_id.get(service.carries)
        if earlier is None:
            yield f"exercise.toml: {service.name} carries on {service.carries}, which there is not"
        elif service.name not in {other.name for other in earlier.services}:
            yield f"exercise.toml: {service.carries} has no service {service.name} to carry on"
