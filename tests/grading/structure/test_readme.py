"""What a README says, and what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.grading.structure import readme
from lab.grading.structure.decisions import copies, decisions
from lab.grading.structure.markdown import Markdown, read

GOOD = """\
# The shop

## What was done
A shop.

## Service flow
```mermaid
flowchart LR
  orders -->|order.created| payments
```

## How to run
`lab try`

## Environment variables
| name | |
|--|--|
| `AMQP_URL` | the broker |

## Failure behaviour
| a | b | c |
|---|---|---|
| redis down | GET / | 200 |

## Design decisions
### Outbox
**Context.** Two systems are written and one of them fails.
**Decision.** We write to an outbox in the transaction.
**Alternatives**
- Publishing after the commit: a crash in between loses the event for ever.

**Consequences.** Events may come twice, so consumers are idempotent.
"""


def written(text: str) -> Markdown:
    return read(text, "README.md")


def test_a_good_one_lacks_nothing(tmp_path: Path) -> None:
    document = written(GOOD)
    assert readme.missing_sections(document) == []
    assert readme.unfilled(document) == []
    assert readme.dead_links(document, tmp_path) == []
    assert [one.language for one in readme.diagrams(document)] == ["mermaid"]
    found = decisions(readme.section(document, "decisions"), tmp_path)
    assert [(one.title, one.place, one.lacks, one.rejects) for one in found] == [("Outbox", "README.md:26", [], True)]


@pytest.mark.parametrize("language", [1, -1])
def test_titles_are_known_in_each_language(language: int) -> None:
    document = written(
        "\n".join(f"## {titles[0 if language == 1 else -1].upper()}\ntext" for titles in readme.TITLES.values())
    )
    assert readme.missing_sections(document) == []


def test_empty_sections_are_missing() -> None:
    document = written("## What was done\n\n## How to run\n<!-- text -->\n## Flow\nx")
    assert "What was done" in readme.missing_sections(document)
    assert "How to run" in readme.missing_sections(document)
    assert "Service flow" not in readme.missing_sections(document)


@pytest.mark.parametrize(
    "text", ["TODO: write", "see <what a reader must know>", "TBD", "To‘ldiring", "[your service]", "Lorem ipsum dolor"]
)
def test_placeholders(text: str) -> None:
    assert [line for line, _ in readme.unfilled(written(f"ok\n{text}"))] == [2]


@pytest.mark.parametrize(
    "text",
    ["`TODO`", "```\nTODO\n```", "<https://example.uz/a b>", "todos", "a < b and c > d/e", "[your](x.md)", "<br>"],
)
def test_no_placeholders(text: str) -> None:
    assert readme.unfilled(written(text)) == []


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("```mermaid\nA --> B\n```", 1),
        ("```\n[orders] -> [payments]\n```", 1),
        ("```text\norders ──▶ payments\n```", 1),
        ("```mermaid\n%% A --> B\n```", 0),
        ("```\norders payments\n```", 0),
        ("```python\ndef f() -> int: ...\n```", 0),
        ("```bash\ncurl -i x\n```", 0),
        ("orders -> payments", 0),
    ],
)
def test_diagrams(text: str, drawn: int) -> None:
    assert len(readme.diagrams(written(text))) == drawn


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("Orders --> x", "orders", True),
        ("orders.payment-result", "orders", False),
        ("reorders", "orders", False),
        ("(orders)", "orders", True),
        ("orders.", "orders", True),
        ("order.created, x", "order.created", True),
        ("order.created.v2", "order.created", False),
        ("payments", "payment", False),
    ],
)
def test_names(text: str, name: str, named: bool) -> None:
    assert readme.names(text, name) is named


def test_links(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a b.md").write_text("# A")
    text = "[a](docs/a%20b.md#part) [b](docs/no.md) [c](#here) [d](https://x.uz/y) [e](mailto:a@b.uz) ![f](no.png)"
    assert readme.dead_links(written(text), tmp_path) == [(1, "docs/no.md"), (1, "no.png")]
    assert [document.name for _, document in readme.linked(written(text), tmp_path)] == ["docs/a b.md"]


def test_where_it_stands() -> None:
    assert readme.system_folder([Path("/w/day6/6.5/orders"), Path("/w/day6/6.5/catalog")]) == Path("/w/day6/6.5")
    assert readme.system_folder([Path("/w/day3/3.6/orders"), Path("/w/day4/catalog")]) == Path("/w")
    assert readme.system_folder([Path("/w/orders")]) == Path("/w")


def test_undocumented() -> None:
    part = written("`AMQP_URL`, HTTP_TIMEOUT_MS")
    assert readme.undocumented(part, ["AMQP_URL", "URL", "HTTP_TIMEOUT"]) == ["URL", "HTTP_TIMEOUT"]


def test_decisions_in_files_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "adr"
    folder.mkdir(parents=True)
    for number, title in enumerate(("Broker", "Cache")):
        (folder / f"{number}.md").write_text(
            f"# {title}\n## Kontekst\nBu yerda {title} haqida gap boradi.\n## Qaror\nBiz {title} ni tanlaymiz.\n"
            "## Muqobillar\n1. HTTP: chaqiruv yo‘qolsa, hodisa ham yo‘qoladi, shuning uchun emas.\n"
            "## Oqibatlar\nXabarlar takror kelishi mumkin.\n"
        )
    found = decisions(written("## Decisions\nsee [all](docs/adr/)"), tmp_path)
    assert [(one.title, one.place, one.lacks, one.rejects) for one in found] == [
        ("Broker", "docs/adr/0.md:1", [], True),
        ("Cache", "docs/adr/1.md:1", [], True),
    ]
    assert copies(found) == []
    assert copies([found[0], found[0]]) == [found[0]]


@pytest.mark.parametrize(
    "alternatives",
    ["None.", "- No alternatives were considered by us at that time", "Yo‘q", "Kafka.", "- Kafka\n- HTTP\n- files"],
)
def test_an_alternative_without_a_reason_is_none(tmp_path: Path, alternatives: str) -> None:
    text = f"### D\nContext: a b c d\n#### Decision\na b c e\n#### Alternatives\n{alternatives}\nConsequences: a b c d"
    (found,) = decisions(written(text), tmp_path)
    assert not found.rejects


def test_what_a_decision_lacks(tmp_path: Path) -> None:
    text = "### D\n- **Context:** we have two things\n- Decision – take one of them\n- Consequences: none\n### E\ntext"
    (found,) = decisions(written(text), tmp_path)
    assert found.lacks == ["alternatives", "consequences"]
