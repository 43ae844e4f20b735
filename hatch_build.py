"""Compiles the catalogues of `lab/locale` into every build, that of an editable installation too."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALE = "lab/locale"


class Catalogues(BuildHookInterface):  # type: ignore[type-arg]
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        root = Path(self.root)
        spec = importlib.util.spec_from_file_location("compiling", root / LOCALE / "compiling.py")
        assert spec
        assert spec.loader
        compiling = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(compiling)
        for source in (root / LOCALE).glob("*/LC_MESSAGES/lab.po"):
            compiling.compiled_in_place(source)
