"""The inside of a service is read from its code, whatever the day."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.system.inside import AROUND, FACE, drawn, inside

TABLE = "class {name}:\n    __tablename__ = 'x'\n"
FILES = {
    "__init__.py": "",
    "shop/__init__.py": "",
    "shop/app.py": "from walled.shop.users.tables import User\nfrom walled.shop.sales.tables import Sale, Line\n"
    "def both():\n    return User, Sale\ndef one_module():\n    return Sale, Line\n"
    "class Report:\n    def rows(self):\n        return [User, Line]\n",
    "shop/users/__init__.py": "",
    "shop/users/tables.py": TABLE.format(name="User"),
    "shop/sales/__init__.py": "import walled.shop.users\n",
    "shop/sales/tables.py": TABLE.format(name="Sale") + TABLE.format(name="Line"),
    "shop/mail/__init__.py": "from walled.shop.users import tables\n",
    "shop/mail/post.py": "",
    "flat/__init__.py": "",
    "flat/app.py": TABLE.format(name="A") + TABLE.format(name="B") + "def f():\n    return A, B\n",
}


@pytest.fixture
def walled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, text in FILES.items():
        path = tmp_path / "walled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield "walled"
    for name in [name for name in sys.modules if name.partition(".")[0] == "walled"]:
        del sys.modules[name]


def test_an_import_goes_through_a_modules_face_or_around_it(walled: str) -> None:
    found = inside(f"{walled}.shop")
    assert found.modules == ("mail", "sales", "users")
    assert found.imports == {("mail", "users"): AROUND, ("sales", "users"): FACE}
    assert found.around == 1
    assert drawn(found) == [
        "       mail  sales  users",
        "mail    \\      ·      !",
        "sales   ·      \\      ●",
        "users   ·      ·      \\",
    ]


def test_functions_are_counted_that_see_tables_of_two_modules(walled: str) -> None:
    assert inside(f"{walled}.shop").entangled == 2
    flat = inside(f"{walled}.flat")
    assert (flat.modules, flat.entangled) == ((), 1)
    assert drawn(flat) == [""]
