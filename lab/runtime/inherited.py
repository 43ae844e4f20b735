"""What a service gets of the environment of whoever starts the run: a short list, so that no shell changes it.

A proxy of the shell's, for example, would take the service's calls to its neighbours elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lab.system.secrets import without_secrets

PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_.*|TZ|TERM|NO_COLOR|TMPDIR|TEMP|TMP|XDG_.*|SYSTEMROOT"
    r"|LD_LIBRARY_PATH|DYLD_.*|SSL_CERT_(FILE|DIR)|NIX_.*|ASDF_.*|MISE_.*|COVERAGE_.*"
    r"|VIRTUAL_ENV|PYTHON.*|PYENV_.*|CONDA_.*|UV_.*"
    r"|GO[A-Z0-9]+|CGO_.*|NODE_.*|NVM_.*|VOLTA_HOME|BUN_INSTALL|DENO_DIR"
    r"|JAVA_.*|JDK_.*|_JAVA_OPTIONS|MAVEN_.*|GRADLE_.*|RUBY.*|GEM_.*|BUNDLE_.*|RBENV_.*"
    r"|CARGO_HOME|RUSTUP_.*|RUST_.*|DOTNET_.*|ERL_.*|MIX_.*|PHP.*"
)
"""What a program needs in order to be found and run, in any language."""
TELLING = re.compile(r".*_PROXY|.*_(URL|URI|DSN)", re.IGNORECASE)
"""Variables whose lack somebody will wonder about."""


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are passed on to everything that a run starts."""
    return without_secrets({name: value for name, value in environment.items() if PASSED.fullmatch(name)})


def dropped(environment: Mapping[str, str]) -> list[str]:
    """The names of those that are not passed on and that a program might look for."""
    return sorted(name for name in environment if TELLING.fullmatch(name) and not PASSED.fullmatch(name))
