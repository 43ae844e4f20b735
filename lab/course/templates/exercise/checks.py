"""EXERCISE_ID: TODO what is judged, and by what it is seen."""

from __future__ import annotations

from lab.grading import behaviour, expect


@behaviour("C1")
def check_the_name_comes_back(http, new):
    name = new.id("guest")
    answer = http.get(f"/hello/{name}")
    expect(
        answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("hello") == name,
        "TODO: what is expected, in words of the domain",
        got=f"{answer}: {answer.text[:200]}",
        code="name-lost",
        about=[answer],
    )
