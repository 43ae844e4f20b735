"""HAProxy asks each instance once a second whether it is ready, and sends requests to those that are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = """\
global
    log stdout format raw daemon notice

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    # A request whose instance went away without a word goes to another one. Not so a POST: it may have been done.
    retries 2
    option redispatch 1
    retry-on conn-failure empty-response

frontend visitors
    bind {listen}
    http-request disable-l7-retry if METH_POST
    default_backend catalog

backend catalog
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readyz
    http-check expect status 200
    # Two answers that fail, and it is down; one that is right, and it is up.
    default-server check inter 1s fall 2 rise 1
{servers}
"""


def configuration(listen: str, instances: Mapping[str, str]) -> str:
    servers = "\n".join(f"    server {name} {address}" for name, address in instances.items())
    return CONFIGURATION.format(listen=listen, servers=servers)


def arguments(path: Path) -> list[str]:
    return ["-db", "-f", str(path)]
