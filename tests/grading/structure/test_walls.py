"""The walls inside a program, read from sources and judged. Nothing of the sources is executed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.grading.structure.sources import Unreadable, read_structure
from lab.grading.structure.walls import Breach, Structure, breaches, missing

MODULES = ("users", "orders", "notifications")

GOOD = {
    "shop/__init__.py": "",
    "shop/__main__.py": "from shop.app import app\nraise SystemExit('executed')",
    "shop/app.py": "from shop.modules.orders import api\nfrom shop.modules.users.routes import routes\napp = 1",
    "shop/common/pages.py": "def cut(name):\n    return f'CREATE TABLE {name} (id)', Table(name, meta)",
    "shop/modules/users/__init__.py": "from shop.modules.users.models import User",
    "shop/modules/users/api.py": "from .models import User\nfrom shop.common import pages",
    "shop/modules/users/models.py": "class User(Base):\n    __tablename__ = 'users_users'",
    "shop/modules/users/routes.py": "from shop.modules.users import models",
    "shop/modules/orders/api.py": "from shop.modules.users.api import User\nfrom shop.modules.users import User as U",
    "shop/modules/orders/models.py": "orders = Table('orders_orders', metadata)",
    "shop/modules/notifications/api.py": "SQL = '''create table if not exists notifications_sent (id text)'''",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(folder: Path, **changed: str) -> Structure:
    files = GOOD | {name.replace("__", "/") + ".py": text for name, text in changed.items()}
    return read_structure(written(folder, files), MODULES)


def only(structure: Structure) -> Breach:
    found = breaches(structure)
    assert len(found) == 1, found
    return found[0]


def test_good_walls_have_no_holes_though_folders_are_no_packages(tmp_path: Path) -> None:
    structure = read(tmp_path)
    assert structure.home == "shop.modules"
    assert missing(structure, MODULES) == []
    assert {table.name for table in structure.tables} == {"users_users", "orders_orders", "notifications_sent"}
    assert breaches(structure) == []


def test_modules_may_stand_at_the_top_beside_single_files(tmp_path: Path) -> None:
    files = {
        "main.py": "import modules.users",
        "modules/users/__init__.py": "",
        "modules/users/store.py": "",
        "modules/orders/app.py": "from modules.users.store import x\nimport main",
    }
    structure = read_structure(written(tmp_path, files), MODULES)
    assert structure.home == "modules"
    assert missing(structure, MODULES) == ["notifications"]
    assert [breach.code for breach in breaches(structure)] == ["imports-internals", "imports-the-root"]


def test_the_inside_of_another_module_is_not_for_me(tmp_path: Path) -> None:
    breach = only(read(tmp_path, shop__modules__orders__app="def f():\n    from shop.modules.users.models import User"))
    assert breach.code == "imports-internals"
    assert breach.place == "shop/modules/orders/app.py:2"
    assert breach.says == "orders imports shop.modules.users.models, which is inside of users"


@pytest.mark.parametrize("text", ["from ..users import models", "from shop.modules.users import models"])
def test_every_way_to_say_it_is_the_same_import(tmp_path: Path, text: str) -> None:
    assert only(read(tmp_path, shop__modules__orders__app=text)).code == "imports-internals"


def test_a_circle_is_found_in_the_body_of_a_function(tmp_path: Path) -> None:
    breach = only(read(tmp_path, shop__modules__users__routes="def f():\n    from shop.modules.orders import api"))
    assert breach.code == "import-cycle"
    assert breach.says.startswith("orders → users → orders is a circle")
    assert "shop/modules/users/routes.py:2" in breach.place


def test_a_circle_of_three_is_told_once(tmp_path: Path) -> None:
    structure = read(
        tmp_path,
        shop__modules__users__more="import shop.modules.notifications",
        shop__modules__notifications__more="import shop.modules.orders.api",
    )
    assert only(structure).says.startswith("notifications → orders → users → notifications is a circle")


def test_nobody_imports_what_puts_the_modules_together(tmp_path: Path) -> None:
    breach = only(read(tmp_path, shop__modules__orders__late="def f():\n    from shop.app import app"))
    assert breach.code == "imports-the-root"
    assert "shop.app, which knows the modules" in breach.says


def test_shared_code_that_knows_a_module_is_no_way_round_the_wall(tmp_path: Path) -> None:
    structure = read(
        tmp_path,
        shop__common__store="from shop.common import inner",
        shop__common__inner="from shop.modules.users.models import User",
        shop__modules__orders__late="from shop.common.store import User",
    )
    assert only(structure).code == "imports-the-root"


@pytest.mark.parametrize(
    "text",
    [
        "class User(Base):\n    __tablename__ = 'users_users'",
        "class User(SQLModel, table=True):\n    id: str",
        "import sqlalchemy as sa\nusers = sa.Table('users_users', metadata)",
        "SQL = 'CREATE TABLE \"users_users\" (id TEXT)'",
    ],
)
def test_shared_code_holds_no_tables(tmp_path: Path, text: str) -> None:
    breach = only(read(tmp_path, shop__modules__common__models=text))
    assert breach.code == "shared-tables"
    assert breach.place.startswith("shop/modules/common/models.py:")


def test_a_module_has_no_table_of_another(tmp_path: Path) -> None:
    breach = only(read(tmp_path, shop__modules__orders__join="users = Table('users_users', metadata)"))
    assert (breach.code, breach.place) == ("foreign-table", "shop/modules/orders/join.py:1")


@pytest.mark.parametrize(
    "text",
    [
        "SQL = 'SELECT * FROM orders LEFT JOIN users_users ON 1'",
        "def f(session):\n    session.execute(f'INSERT INTO \"users_users\" VALUES ({session})')",
        "user_id = mapped_column(ForeignKey('users_users.id'))",
    ],
)
def test_a_table_is_worked_with_by_its_module_only(tmp_path: Path, text: str) -> None:
    breach = only(read(tmp_path, shop__modules__orders__sql=text))
    assert (breach.code, breach.place.partition(":")[0]) == ("names-foreign-table", "shop/modules/orders/sql.py")


def test_shared_code_works_with_nobodys_tables(tmp_path: Path) -> None:
    sql = {"shop__common__sql": "JOIN = 'SELECT 1 FROM users_users, orders_orders'"}
    assert breaches(read(tmp_path, **sql)) == []  # nobody imports it
    found = breaches(read(tmp_path, **sql, shop__modules__orders__list="from shop.common.sql import JOIN"))
    assert [(breach.code, breach.place) for breach in found] == [("names-foreign-table", "shop/common/sql.py:1")] * 2


def test_a_table_may_be_spoken_of(tmp_path: Path) -> None:
    text = '"""Not users_users."""\n# nor users_users\ndef f(user: User) -> User:\n    "users_users is elsewhere"\n'
    assert breaches(read(tmp_path, shop__modules__orders__words=text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from shop.modules.users.api import User\nselect(User)",
        "from shop.modules.users import User as Customer\nselect(1).join(Customer)",
        "from shop.modules.users import api as people\npeople.User.id == 1",
        "import shop.modules.users.api\ndef f():\n    return shop.modules.users.api.User(id=1)",
        "from ..users.api import User\nUser(id=1)",
    ],
)
def test_the_public_part_is_no_way_to_the_table(tmp_path: Path, text: str) -> None:
    breach = only(read(tmp_path, shop__modules__orders__query=text))
    assert breach.code == "takes-foreign-model"
    assert breach.says == "orders works with the table users_users, which belongs to users"


@pytest.mark.parametrize(
    "text",
    [
        "from shop.modules.users.api import User\ndef f(one: User) -> User:\n    assert isinstance(one, User)",
        "from shop.modules.users.api import pages\npages.cut(1)",
        "from shop.modules.notifications.api import User\nUser(id=1)",
    ],
)
def test_a_type_is_no_table(tmp_path: Path, text: str) -> None:
    view = "class User: ..."
    structure = read(tmp_path, shop__modules__orders__typed=text, shop__modules__notifications__api=view)
    assert breaches(structure) == []


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\nmodels = importlib.import_module('shop.modules.users.models')",
        "models = import_module('.models', 'shop.modules.users')",
        "models = import_module('.models', package='shop.modules.users')",
        "import sys\nmodels = sys.modules['shop.modules.users.models']",
        "import shop.modules.users as u\nu.models.User",
    ],
)
def test_no_name_leads_into_another_module(tmp_path: Path, text: str) -> None:
    found = breaches(read(tmp_path, shop__modules__orders__late=text))
    assert found[0].code == "reaches-internals"
    assert found[0].says == "orders reaches shop.modules.users.models, which is inside of users"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="Python and Go"):
        read_structure(tmp_path, MODULES)
    with pytest.raises(Unreadable):
        read(tmp_path, shop__modules__orders__broken="def (")


GO = {
    "go.mod": "module example.uz/shop\n\ngo 1.19\n",
    "main.go": 'package main\n\nimport "example.uz/shop/internal/orders"\n\nfunc main() { orders.Start() }\n',
    "internal/pages/pages.go": "package pages\n",
    "internal/users/users.go": "package users\n\nfunc Know() {}\n",
    "internal/users/store/store.go": (
        'package store\n\nimport _ "example.uz/shop/internal/pages"\n\nconst SQL = `CREATE TABLE users_users (id)`\n'
    ),
    "internal/orders/orders.go": (
        'package orders\n\nimport "example.uz/shop/internal/users"\n\nfunc Start() { users.Know() }\n'
    ),
    "internal/notifications/n.go": "package notifications\n",
}


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go_is_read_by_go_list(tmp_path: Path) -> None:
    structure = read_structure(written(tmp_path, GO), MODULES)
    assert missing(structure, MODULES) == []
    assert breaches(structure) == []
    written(
        tmp_path,
        {
            "internal/orders/more.go": 'package orders\n\nimport _ "example.uz/shop/internal/users/store"\n',
            "internal/orders/sql.go": (
                "package orders\n\n// not users_users\nconst SQL = `SELECT 1\nFROM users_users`\n"
            ),
            "internal/pages/tables.go": "package pages\n\nconst SQL = `CREATE TABLE orders_orders (id)`\n",
        },
    )
    found = breaches(read_structure(tmp_path, MODULES))
    assert [(breach.code, breach.place) for breach in found] == [
        ("imports-internals", "internal/orders/more.go:3"),
        ("shared-tables", "internal/pages/tables.go:3"),
        ("names-foreign-table", "internal/orders/sql.go:4"),
    ]


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go_has_circles_that_its_compiler_does_not_see(tmp_path: Path) -> None:
    """Packages of two modules import each other's roots: no package is in a circle, both modules are."""
    written(
        tmp_path,
        {**GO, "internal/users/jobs/jobs.go": 'package jobs\n\nimport _ "example.uz/shop/internal/orders"\n'},
    )
    (breach,) = breaches(read_structure(tmp_path, MODULES))
    assert breach.code == "import-cycle"
    assert set(breach.place.split(" and ")) == {"internal/orders/orders.go:3", "internal/users/jobs/jobs.go:3"}


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_a_package_of_go_that_knows_the_modules_is_imported_by_none(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            **GO,
            "internal/app/app.go": 'package app\n\nimport _ "example.uz/shop/internal/orders"\n',
            "internal/orders/jobs/jobs.go": 'package jobs\n\nimport _ "example.uz/shop/internal/app"\n',
        },
    )
    (breach,) = breaches(read_structure(tmp_path, MODULES))
    assert (breach.code, breach.place) == ("imports-the-root", "internal/orders/jobs/jobs.go:3")


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go_is_read_where_what_it_requires_is_missing(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            **GO,
            "go.mod": f"{GO['go.mod']}\nrequire example.org/nowhere v1.0.0\n",
            "internal/orders/more.go": (
                'package orders\n\nimport (\n\t_ "example.org/nowhere"\n\t_ "example.uz/shop/internal/users/store"\n)\n'
            ),
        },
    )
    (breach,) = breaches(read_structure(tmp_path, MODULES))
    assert (breach.code, breach.place) == ("imports-internals", "internal/orders/more.go:5")
