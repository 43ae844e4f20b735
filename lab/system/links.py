"""How a link is called: `orders->users`, or `orders->users:grpc` where it says which endpoint it goes to."""

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
