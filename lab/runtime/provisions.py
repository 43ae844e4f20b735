"""What a process finds when it starts the next time: variables on top of its declaration, and its data folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from lab.locale import tr
from lab.runtime.process import ActionError
from lab.runtime.supervisor import Supervisor
from lab.runtime.wiring import Wiring

DEAD = ("stopped", "failed")


class Provisions:
    """Changes them for one process at a time. Both raise Unknown and ActionError."""

    def __init__(self, wiring: Wiring, supervisor: Supervisor) -> None:
        self._wiring = wiring
        self._supervisor = supervisor

    def set_environment(self, name: str, variables: Mapping[str, str]) -> None:
        """From its next start on, tell a service these variables, too, and no longer those of the last call."""
        process = self._supervisor.find(name)
        if process.spec.role not in ("service", "stub") or process.spec.program is None:
            raise ActionError(tr("{name} is no service that the lab starts, so there is nobody to tell", name=name))
        service = self._wiring.system.service(name)
        assert service is not None, name
        if kept := next((one for one in service.port_variables.values() if one in variables), ""):
            raise ActionError(
                tr("{variable} stays as it is: the taps lead to the port that {name} has", variable=kept, name=name)
            )
        self._wiring.overrides[name] = dict(variables)

    def wipe(self, name: str) -> None:
        """Empty the data folder of what is dead: a service with all its instances (its SQLite database is in there),
        one instance, or an embedded engine."""
        processes = self._supervisor.named(name)
        if any(process.spec.program is None for process in processes):
            raise ActionError(
                tr("{name} is not started by the lab and keeps no data of its own in the run's folder", name=name)
            )
        recipe = self._wiring.recipes.get(name)
        if recipe is not None and recipe.tier != "embedded":
            raise ActionError(
                tr("{name} is {title}: only the data of an embedded engine can be wiped", name=name, title=recipe.title)
            )
        for user in processes:
            if user.state not in DEAD:
                raise ActionError(
                    tr(
                        "stop {name} first: it is {state}, and its data is in use",
                        name=user.spec.name,
                        state=tr(user.state),
                    )
                )
        for folder in {self._wiring.data(one) for one in (name, *(process.spec.name for process in processes))}:
            _empty(folder)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
