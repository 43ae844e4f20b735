"""Saves are seen, whatever becomes of the folder, and without the system's help, too."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

import pytest
import watchfiles

from lab.course import saves


class Watching:
    """`saves` in a thread; `saw` waits for one."""

    def __init__(self, folder: Path) -> None:
        self.told: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._watch, args=(folder,), daemon=True).start()

    def _watch(self, folder: Path) -> None:
        for _ in saves.saves([folder], lambda: self.told.put("polls")):
            self.told.put("save")

    def saw(self) -> str:
        return self.told.get(timeout=20)


def test_a_save_is_seen(tmp_path: Path) -> None:
    watching = Watching(tmp_path)
    assert watching.saw() == "save"  # at once
    (tmp_path / "app.py").write_text("1")
    assert watching.saw() == "save"


def test_a_folder_that_was_replaced_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    folder.mkdir()
    watching = Watching(folder)
    assert watching.saw() == "save"
    folder.rename(tmp_path / "backup")
    folder.mkdir()
    (folder / "app.py").write_text("1")
    assert watching.saw() == "save"
    while not watching.told.empty():
        watching.saw()
    (folder / "app.py").write_text("2")
    assert watching.saw() == "save"


def test_without_the_systems_watches_it_polls_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*paths: object, force_polling: bool = False, **more: object) -> object:
        if not force_polling:
            raise OSError("OS file watch limit reached")
        return watchfiles.watch(*paths, force_polling=True, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(saves, "watch", none_left)
    watching = Watching(tmp_path)
    assert [watching.saw(), watching.saw()] == ["polls", "save"]
    (tmp_path / "app.py").write_text("1")
    assert watching.saw() == "save"
