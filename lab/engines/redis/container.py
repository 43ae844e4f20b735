"""Redis in a container, with a password, and with what was written kept over a restart."""

from __future__ import annotations

from collections.abc import Sequence

from lab.engines.container import Container

# As an argument everybody who sees the processes could read the password.
START = """\
exec redis-server - <<END
port 6379
bind * -::*
requirepass $REDIS_PASSWORD
dir /data
appendonly yes
END
"""


def container(_: str, users: Sequence[str]) -> Container:  # noqa: ARG001 - one login is enough for copies
    return Container(
        image="redis:8",
        port=6379,
        url="redis://:{password}@{address}",
        uid=999,
        data="/data",
        check=("sh", "-c", 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli ping | grep -q PONG'),
        memory=256,
        command=("sh", "-c", START),
        passwords={"REDIS_PASSWORD": ""},
    )
