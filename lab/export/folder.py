"""An exported System as a folder: everything of it is written, or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from lab.export import compose, dockerfile, documents, guide, kubernetes
from lab.export.sources import source
from lab.export.workload import Workload
from lab.export.workloads import NotInContainers, elsewhere, workloads
from lab.locale import tr
from lab.system.model import System
from lab.system.refusal import Refusal
from lab.system.secrets import LOGIN
from lab.system.validate import validate

Form = Literal["compose", "k8s"]
IGNORED = "secrets/*.env\n"
PLACEHOLDER = "CHANGE-ME"


class NotEmpty(Refusal):
    """There is something in the folder, which stays as it is."""


def export(system: System, to: Form, folder: Path) -> None:
    """Write the system into the folder, which is made if there is none. Raises NotEmpty, NotInContainers,
    InvalidSystem, OSError; then nothing has been written."""
    validate(system)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotEmpty(
            tr("{folder} is not empty", folder=folder),
            tr("Nothing is written over: what is in there may have been changed by hand."),
        )
    if to == "k8s" and (one := next(elsewhere(system), None)):
        raise NotInContainers(
            tr("{service} runs on this machine, at {address}", service=one.name, address=one.address),
            tr("No pod of a cluster finds it there. Let the system start it, or name an address in the network."),
        )
    made = workloads(system)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as scratch:
        draft = Path(scratch)
        plain = _services(system, made, draft)
        _engines_and_secrets(made, draft)
        (_compose if to == "compose" else _kubernetes)(system, made, plain, draft)
        (draft / ".gitignore").write_text(IGNORED)
        folder.mkdir(exist_ok=True)
        for path in sorted(draft.iterdir()):
            path.rename(folder / path.name)


def _compose(system: System, made: Sequence[Workload], plain: Sequence[str], draft: Path) -> None:
    content = compose.compose(system, made, outside=any(elsewhere(system)))
    _write(draft / compose.FILE, documents.document(content, compose.notes()))
    _write(draft / "README.md", guide.for_compose(system, made, plain))


def _kubernetes(system: System, made: Sequence[Workload], plain: Sequence[str], draft: Path) -> None:
    for name, manifests in kubernetes.manifests(system, made).items():
        notes = kubernetes.notes()
        _write(draft / name, "---\n".join(documents.document(one, notes) for one in manifests))
    _write(draft / kubernetes.FILE, documents.document(kubernetes.kustomization(system, made), kubernetes.notes()))
    _write(draft / "README.md", guide.for_kubernetes(system, made, plain))


def _services(system: System, made: Sequence[Workload], draft: Path) -> list[str]:
    """Write the folder of each service; the names of those in whose image something may be missing."""
    plain = []
    for one in made:
        service = system.service(one.name)
        if not one.built or service is None:
            continue
        needs, home = source(service, system), draft / "services" / one.name
        for name, path in needs.files.items():
            (home / "src" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, home / "src" / name)
        (home / "src").mkdir(parents=True, exist_ok=True)
        if dockerfile.in_python(service):
            if needs.requirements:
                _write(home / "requirements.txt", "\n".join(needs.requirements) + "\n")
            elif (home / "src/requirements.txt").is_file():
                shutil.copyfile(home / "src/requirements.txt", home / "requirements.txt")
            packages = (home / "requirements.txt").is_file()
            _write(home / "Dockerfile", dockerfile.python(one, service, packages=packages))
        else:
            _write(home / "Dockerfile", dockerfile.program(one, service, needs.files))
            plain.append(one.name)
    return plain


def _engines_and_secrets(made: Sequence[Workload], draft: Path) -> None:
    for one in made:
        for path, text in one.files.items():
            _write(draft / compose.mounted(one, path), text, mode=0o755)
        if one.secrets:
            file = draft / compose.secrets_file(one)
            _write(file, _variables(one.secrets), mode=0o600)
            _write(file.with_name(f"{file.name}.example"), _variables(without_values(one.secrets)))


def _variables(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def without_values(secrets: Mapping[str, str]) -> dict[str, str]:
    """The same with a placeholder for each secret: what is to be filled in where the files are not."""
    return {name: _blanked(value) if LOGIN.search(value) else PLACEHOLDER for name, value in secrets.items()}


def _blanked(url: str) -> str:
    return LOGIN.sub(lambda found: found[0].replace(found[1], PLACEHOLDER), url)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text, encoding="utf-8")
