"""How a link is called: `orders->users`, or `orders->users:grpc` where it says which endpoint it goes to; and how the
URL of its provider is written."""

from __future__ import annotations


def link_id(source: str, target: str, endpoint: str = "") -> str:
    return f"{source}->{target}:{endpoint}" if endpoint else f"{source}->{target}"


def ends(link: str) -> tuple[str, str]:
    """Consumer and provider of the link with this id."""
    source, _, target = link.partition("->")
    return source, target.partition(":")[0]


def covers(place: str, link: str) -> bool:
    """Whether `place`, a link's id or `orders<->users`, is this link or a pair that it joins."""
    one, pair, other = place.partition("<->")
    return ends(link) in ((one, other), (other, one)) if pair else place == link


def with_suffix(url: str, suffix: str) -> str:
    """The suffix behind the URL; a path of its own (`/0`) gives way to one that the URL has already."""
    base, _, query = url.partition("?")
    path, _, more = suffix.partition("?")
    if path.startswith("/") and base.count("/") > 2 and not base.endswith("/"):
        path = ""
    queries = "&".join(part for part in (query, more) if part)
    return f"{base.rstrip('/') if path.startswith('/') else base}{path}{'?' if queries else ''}{queries}"
