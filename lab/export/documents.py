"""Plain data as YAML with comments in it, which PyYAML does not write by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

WIDTH = 120
FLAT = 72
"""Characters to which a list of texts is written on one line."""
PLAIN = re.compile(r"[A-Za-z./_][\w./+@-]*(?:[: ][\w./+@-]+)*|\d+(?:s|m|M|Mi|Gi)|\d+(?:\.\d+){3}", re.ASCII)
"""A text that every reader of YAML takes for itself without quotes, unless it is one of these words. PyYAML asks only
what it would take for a number itself, and Go's reader knows more of them (`1e3`, `y`)."""
WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", ".inf", ".nan"})


class _Dumper(yaml.SafeDumper):
    """As a person would write it: scripts line by line, lists below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = PLAIN.fullmatch(text) and text.lower() not in WORDS
    style = "|" if "\n" in text else None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, values: Sequence[Any]) -> yaml.SequenceNode:
    flat = all(isinstance(value, str | int | float) and "\n" not in str(value) for value in values)
    short = flat and sum(len(str(value)) + 4 for value in values) <= FLAT
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(tuple, _list)


def document(data: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """The data as a document. `notes` are comments by key: each stands where its key comes first."""
    written = yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=WIDTH
    )
    lines = written.splitlines(keepends=True)
    left = dict(notes or {})
    for key, number in list(_keys(yaml.compose(written, yaml.SafeLoader))):
        indent = " " * (len(lines[number]) - len(lines[number].lstrip(" ")))
        comment = "".join(f"{indent}# {part}\n" for part in left.pop(key, "").splitlines())
        lines[number] = comment + lines[number]
    return "".join(lines)


def _keys(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """The keys of a document in order, each with the number of its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, key.start_mark.line
            yield from _keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _keys(value)
