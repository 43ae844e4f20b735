"""What a service gets of the starter's environment is a short list, and what it may miss is said."""

from __future__ import annotations

import pytest

from lab.runtime.inherited import dropped, inherited


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "GOPATH", "GOCACHE", "NODE_ENV", "JAVA_HOME",
     "GEM_HOME", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE"],
)  # fmt: skip
def test_what_a_program_needs_to_be_found_and_run_is_passed_on(name: str) -> None:
    assert inherited({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    "name",
    ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "DATABASE_URL", "PORT", "DEBUG", "EDITOR", "LAB_HOME",
     "NODE_AUTH_TOKEN", "PYTEST_CURRENT_TEST"],
)  # fmt: skip
def test_what_would_change_how_it_behaves_is_not(name: str) -> None:
    assert inherited({name: "x"}) == {}


def test_what_it_may_miss_is_named() -> None:
    shell = {"EDITOR": "ed", "https_proxy": "x", "NO_PROXY": "y", "SENTRY_DSN": "z", "PATH": "/bin"}
    assert dropped(shell) == ["NO_PROXY", "SENTRY_DSN", "https_proxy"]
