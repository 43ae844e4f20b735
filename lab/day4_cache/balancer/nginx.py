"""nginx asks nobody whether he is ready (its free edition cannot): it learns of a dead instance from a request that
fails, sends that to another one, and leaves the dead one alone for two seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CONFIGURATION = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;

events {{
    worker_connections 512;
}}

http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxied;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    upstream catalog {{
{servers}
        keepalive 16;
    }}

    server {{
        listen {listen};

        location / {{
            proxy_pass http://catalog;
            # Connections are kept, or each request would pay for a new one.
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_connect_timeout 1s;
            # What failed goes to another instance; of itself nginx never does that with a POST.
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 3;
        }}
    }}
}}
"""


def configuration(listen: str, instances: Mapping[str, str]) -> str:
    servers = "\n".join(
        f"        server {address} max_fails=1 fail_timeout=2s; # {name}" for name, address in instances.items()
    )
    return CONFIGURATION.format(listen=listen, servers=servers)


def arguments(path: Path) -> list[str]:
    return ["-p", str(path.parent), "-c", str(path), "-e", "stderr"]
