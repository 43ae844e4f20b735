"""Become HAProxy or nginx: write its configuration into the working folder, and give this process to it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from lab.day4_cache.balancer import haproxy, nginx

KINDS = {"haproxy": haproxy, "nginx": nginx}


def main() -> None:
    kind, program = os.environ["BALANCER"], os.environ["BALANCER_PROGRAM"]
    listen = f"{os.environ['HOST']}:{os.environ['PORT']}"
    path = Path(f"{kind}.conf").absolute()
    path.write_text(KINDS[kind].configuration(listen, instances(os.environ)), encoding="utf-8")
    said = {"level": "info", "event": "started", "msg": f"{program} with {path}"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    os.execv(program, [program, *KINDS[kind].arguments(path)])


def instances(env: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """Where each instance is reached, by name: `CATALOG_2_URL` is catalog-2's."""
    found = sorted(name for name in env if name.startswith("CATALOG_") and name.endswith("_URL"))
    return {name.removesuffix("_URL").lower().replace("_", "-"): urlsplit(env[name]).netloc for name in found}


if __name__ == "__main__":
    main()
