"""Which variables of the starter's environment stay with the starter."""

from __future__ import annotations

import pytest

from lab.runtime.secrets import without_secrets


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN", "NPM_TOKEN", "token_file", "HF_TOKENS", "MYTOKEN", "CLIENT_SECRET", "SECRET_KEY_BASE", "PGPASSWORD",
        "DB_PASSWORD_FILE", "OPENAI_API_KEY", "APIKEY", "SSH_PRIVATE_KEY", "DEPLOY_PRIVATE_KEY_PATH", "PGPASSFILE",
        "GOOGLE_APPLICATION_CREDENTIALS", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "GITHUB_ACTOR", "SSH_AUTH_SOCK",
        "KUBECONFIG", "RESTIC_PASSPHRASE",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_left_out(name: str) -> None:
    assert without_secrets({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "GOPATH", "GOCACHE", "NODE_OPTIONS", "TOKENIZERS_PARALLELISM",
     "PYTHONPATH", "TMPDIR", "XDG_CACHE_HOME", "KEYBOARD", "NODE_ENV", "PASSAGE"],
)  # fmt: skip
def test_the_rest_is_passed_on(name: str) -> None:
    assert without_secrets({name: "x"}) == {name: "x"}
