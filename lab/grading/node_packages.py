"""Where the packages come from that a Node service names: npm fetches what its `package-lock.json` says.

npm keeps what it has fetched, so that a network is needed once. Left to itself it waits more than a minute for one that
is not there, and asks the registry anew for what it has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from lab.locale import tr
from lab.system.secrets import without_secrets

MANIFEST, LOCK = "package.json", "package-lock.json"
SETTINGS = {
    "npm_config_prefer_offline": "true",
    "npm_config_fetch_retries": "1",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_timeout": "20000",
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
}
"""For npm, where it is not told otherwise."""
FETCHING = 20.0
"""Seconds in which npm must have the packages: they come out of its cache, or from a network that is there."""
NO_NETWORK = re.compile(
    r"npm \S+\s+(?:code|errno):? '?"
    r"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|E\w*TIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)"
)
"""How npm says that it reached nobody: `npm error` or, until npm 9, `npm ERR!`."""


def missing(folder: Path) -> str:
    """What the service in `folder` needs to be built and this machine cannot have, or nothing."""
    packages = required(folder)
    if not packages:
        return ""
    if not shutil.which("npm"):
        return "npm"
    lock = _text(folder / LOCK)
    return "" if lock and _fetched(_text(folder / MANIFEST), lock) else packages[0]


def required(folder: Path) -> list[str]:
    """The packages that the service names itself in its `package.json`."""
    try:
        manifest = json.loads(_text(folder / MANIFEST))
    except ValueError:
        return []
    named = manifest.get("dependencies") if isinstance(manifest, dict) else None
    return list(named) if isinstance(named, dict) else []


def advice(folder: Path, said: str) -> str:
    """What to do about a build that has said this and failed because npm is missing or found no network, or nothing."""
    if not required(folder):
        return ""
    if not shutil.which("npm"):
        return tr("npm is not installed. It comes with Node from nodejs.org; Debian has a package npm.")
    if NO_NETWORK.search(said):
        return tr(
            "npm did not reach its registry, and has not fetched {packages} before. Connect to a network and check "
            "again: it keeps what it has fetched, so this is needed once.",
            packages=", ".join(required(folder)),
        )
    return ""


@lru_cache
def _fetched(manifest: str, lock: str) -> bool:
    """Whether npm can have all of it, tried out beside the service."""
    with tempfile.TemporaryDirectory(prefix="lab-npm-") as scratch:
        (Path(scratch) / MANIFEST).write_text(manifest, encoding="utf-8")
        (Path(scratch) / LOCK).write_text(lock, encoding="utf-8")
        try:
            command = ["npm", "ci", "--ignore-scripts"]
            env = SETTINGS | without_secrets(os.environ)
            ran = subprocess.run(
                command,
                cwd=scratch,
                env=env,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=FETCHING,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return ran.returncode == 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
