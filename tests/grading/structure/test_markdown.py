"""A Markdown file as its reader sees it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.grading.structure.markdown import Markdown, Row, plain, read, unmarked

WORDS = st.text(alphabet="abc #`~|-_*[]()<>!.:\\\t‘'", max_size=30)
TEXTS = st.lists(
    st.one_of(
        WORDS, st.sampled_from(["```", "~~~", "```mermaid", "<!--", "-->", "| a | b |", "|---|---|", "## A", ""])
    ),
    max_size=20,
).map("\n".join)


def test_headings_are_not_in_code_nor_in_comments() -> None:
    document = read("# A\n```\n# no\n```\n<!-- \n# no\n-->\n## B ##\n    # no\n#no", "README.md")
    assert [(one.level, one.title, one.line) for one in document.headings] == [(1, "A", 1), (2, "B", 8)]


def test_a_section_ends_with_the_next_heading_of_its_level() -> None:
    document = read("# T\n## 2. Environment variables:\nx\n### Inner\ny\n## Other\nz", "README.md")
    part = document.section(["Environment variables"])
    assert part
    assert part.text == "x\n### Inner\ny"
    assert document.section(["Environ"]) is None


def test_a_title_may_go_on() -> None:
    document = read("## 🚀 Muhit o‘zgaruvchilari (har bir xizmat)\nx", "README.md")
    assert document.section(["muhit o'zgaruvchilari"])


def test_fences_keep_their_language_and_line() -> None:
    document = read("a\n```mermaid\nA-->B\n\nB-->C\n```\n~~~\n```\n~~~", "README.md")
    assert [(one.language, one.line, one.text) for one in document.fences] == [
        ("mermaid", 3, "A-->B\n\nB-->C"),
        ("", 8, "```"),
    ]


def test_rows_have_cells_and_no_header() -> None:
    text = "| a | b |\n|:--|--:|\n| `x` | y \\| z |\n1 | 2\n\n| not | a table |\n```\n|--|\n|c|\n```"
    assert read(text, "README.md").rows == [Row(3, ("`x`", "y | z")), Row(4, ("1", "2"))]


def test_two_tables_one_after_the_other() -> None:
    text = "|a|\n|-|\n|1|\n\ntext\n\n|b|\n|-|\n|2|"
    assert [row.cells for row in read(text, "README.md").rows] == [("1",), ("2",)]


def test_links_and_definitions_but_none_in_code() -> None:
    text = "[a](docs/x.md) ![b](<y.png> 'title') `[no](z)`\n[c]: w.md\n```\n[no](v)\n```"
    assert read(text, "README.md").links == [(1, "docs/x.md"), (1, "y.png"), (2, "w.md")]


def test_parts_are_what_stands_under_the_uppermost_headings() -> None:
    section = read("## D\nintro\n### One\na\n#### Deep\nb\n### Two\nc", "README.md").section(["d"])
    assert section
    assert [(heading.title, part.text) for heading, part in section.parts()] == [
        ("One", "a\n#### Deep\nb"),
        ("Two", "c"),
    ]


def test_plain_and_unmarked() -> None:
    assert plain("3) **Qanday**  ishlaydi?:") == "qanday ishlaydi?"
    assert unmarked("`redis down` **and** *x_y*") == "redis down and x_y"


@given(TEXTS)
def test_any_text_is_read_and_lines_are_its_own(text: str) -> None:
    document = read(text, "README.md")
    lines = text.split("\n")
    assert [line.number for line in document.lines] == list(range(1, len(lines) + 1))
    for heading in document.headings:
        assert lines[heading.line - 1].lstrip().startswith("#") or "-->" in lines[heading.line - 1]
    for row in document.rows:
        assert "|" in lines[row.line - 1]
    for line, target in document.links:
        assert target in lines[line - 1]
    for fence in document.fences:
        assert all(line in text for line in fence.text.split("\n"))
    document.parts()
    assert document.prose.count("\n") == len(lines) - 1


@given(TEXTS, st.sampled_from(["a", "b", "abc"]))
def test_a_section_is_a_part_of_its_file(text: str, title: str) -> None:
    document = read(text, "README.md")
    part = document.section([title])
    assert part is None or (isinstance(part, Markdown) and set(part.lines) <= set(document.lines))


@given(st.lists(st.text(alphabet="abc |`", max_size=8), min_size=1, max_size=5))
def test_cells_come_back(cells: list[str]) -> None:
    written = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    found = read(f"|-|\n{written}", "README.md").rows
    assert [row.cells for row in found] == [tuple(cell.strip() for cell in cells)]
