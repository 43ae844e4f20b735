"""What is to be known of an engine that runs in a container of its own, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The real engine as its makers publish it: an `image` of one major version, run as `uid`, which is nobody
    special, with what it keeps in the folder `data`.

    `url` is how clients reach it, with `{address}`, `{user}` for the service that asks and `{password}`. `passwords`
    are the variables in which it finds them, each with the service whose login it opens ("" for one that all have).
    `files` are given to it, by their path. `check` asks it, from within, whether it serves; it is `costly` if that
    starts a whole virtual machine. `memory` is in MiB.
    """

    image: str
    port: int
    url: str
    uid: int
    data: str
    check: tuple[str, ...]
    memory: int
    costly: bool = False
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


Containers = Callable[[str, Sequence[str]], Container]
"""Of an engine's name and the services that use it: how it runs in a container."""
