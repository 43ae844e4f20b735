"""Secrets in an environment, told by their names: nothing that a run starts is given those of its starter."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECRET = re.compile(
    r"(AWS|AZURE|GITHUB|GH|GITLAB|CI_JOB|SSH|GPG)_.*"
    r"|(.*_)?TOKENS?(_.*)?|.*TOKEN"
    r"|.*(SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING|ENCRYPTION|AUTH)_?KEY).*"
    r"|PGPASS(FILE)?|KUBECONFIG|NETRC|DOCKER_AUTH_CONFIG",
    re.IGNORECASE,
)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables whose names do not look like a secret's, or like the way to one."""
    return {name: value for name, value in environment.items() if not SECRET.fullmatch(name)}
