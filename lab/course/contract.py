"""What a brief promises of the wire, as data: requests with their answers, and the variables that services get.

It stands in `exercise.toml`, and the brief holds a place for it: `{{contract}}` becomes a line for each request,
`{{environment}}` the variables. So the text cannot name an error that no check looks for, nor another default than the
one that services are started with; lint compares the codes with those of `checks.py`.

    [[contract]]
    request = "POST /users {email, name}"
    answers = [
      { status = 201, body = "{id, email, name, created_at}" },
      { status = 409, code = "email_taken", en = "an e-mail that is taken", uz = "band e-mail" },
    ]

`part` names one of several lists: `{{contract users}}` has the requests with `part = "users"`. `{{environment orders}}`
has the variables of one service of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lab.course.assignment import links
from lab.course.exercise import Exercise, Promise, Reply
from lab.system.model import HTTP

PLACE = re.compile(r"\{\{(contract|environment)(?: ([\w-]+))?\}\}")
_PROBLEM = re.compile(r"\b([45]\d\d) `([a-z]+(?:_[a-z]+)+)`")


def filled(text: str, exercise: Exercise, language: str) -> str:
    """A brief with its places filled."""
    variables = environment(exercise)

    def fill(place: re.Match[str]) -> str:
        kind, which = place.groups()
        if kind == "environment":
            return ", ".join(variables.get(which or next(iter(variables)), ()))
        return "\n".join(_line(promise, language) for promise in exercise.contract if which in (None, promise.part))

    return PLACE.sub(fill, text)


def environment(exercise: Exercise) -> dict[str, list[str]]:
    """The variables of each service, beside those that every service gets; with a value where they have one."""
    found = {}
    for service in exercise.services:
        addresses = [link.variable for link in links(exercise, service) if link.source == service.name]
        ports = [variable for endpoint, variable in service.port_variables.items() if endpoint != HTTP]
        settings = [f"`{name}` ({value})" if value else f"`{name}`" for name, value in service.env.items()]
        found[service.name] = [*(f"`{name}`" for name in (*ports, *addresses)), *settings]
    return found


def gaps(exercise: Exercise, briefs: Mapping[str, str], checked: frozenset[str]) -> Iterator[str]:
    """What the contract, the briefs as written (by language) and the error codes of `checks.py` do not agree on."""
    promised = {(reply.status, reply.code) for promise in exercise.contract for reply in promise.answers if reply.code}
    variables = environment(exercise)
    parts = {promise.part for promise in exercise.contract}
    for language, text in briefs.items():
        name = f"brief.{language}.md"
        places = {(kind, which) for kind, which in PLACE.findall(text)}
        if any(variables.values()) and not any(kind == "environment" for kind, _ in places):
            yield f"{name}: has no place {{{{environment}}}}"
        shown = {which for kind, which in places if kind == "contract"}
        if "" not in shown:
            yield from (f"{name}: has no place {{{{contract {part}}}}}" for part in sorted(parts - shown) if part)
            if "" in parts:
                yield f"{name}: has no place {{{{contract}}}}"
        for which in sorted(shown - parts - {""}):
            yield f"{name}: no [[contract]] has part = {which!r}"
        for which in sorted(which for kind, which in places if kind == "environment" and which):
            if which not in variables:
                yield f"{name}: {{{{environment {which}}}}} names no service"
        if exercise.contract:
            for status, code in _PROBLEM.findall(text):
                if (int(status), code) not in promised:
                    yield f"{name}: says {status} {code}, which no [[contract]] promises"
    for _, code in sorted(promised):
        if code not in checked:
            yield f"exercise.toml: promises {code}, which checks.py does not look for"


def _line(promise: Promise, language: str) -> str:
    hoped, *others = promise.answers
    said = [f"`{promise.request}` → {_reply(hoped)} {hoped.says.get(language, '')}".rstrip()]
    said += [f"{reply.says.get(language, '')} → {_reply(reply)}".removeprefix(" → ") for reply in others]
    return f"- {'; '.join(said)}"


def _reply(reply: Reply) -> str:
    what = reply.code or reply.body
    return f"{reply.status} `{what}`" if what else str(reply.status)
