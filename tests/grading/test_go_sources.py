"""Go services that require modules are built out of the network, or where there is none with Debian's sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.course import catalog, workspace
from lab.grading import go_sources
from lab.grading.build import build_all
from lab.grading.model import Build

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")

GO_MOD = """\
module example.uz/shop

go 1.19

require example.org/tea v1.2.3

require (
\texample.org/Cake v0.1.0 // a comment
\texample.org/milk v1.0.0 // indirect
)

replace (
\texample.org/own v1.0.0 => ../own
)

exclude example.org/tea v1.2.2
"""
MAIN = """\
package main

import (
\t"example.org/Cake"
\t"example.org/tea"
\t"example.uz/shop/internal/price"
)

func main() { print(tea.Name, cake.Name, price.Of) }
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with packaged sources of a machine without a network, which has fetched nothing."""
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(go_sources, "DEBIAN", tmp_path / "gocode")
    for name in ("tea", "Cake"):
        folder = tmp_path / "gocode" / "src" / "example.org" / name
        folder.mkdir(parents=True)
        (folder / "a.go").write_text(f"package {name.lower()}\n\nconst Name = `{name}`\n")
    return tmp_path / "gocode" / "src"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "a shop"
    (folder / "internal" / "price").mkdir(parents=True)
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "main.go").write_text(MAIN)
    (folder / "internal" / "price" / "price.go").write_text("package price\n\nconst Of = 9000\n")
    return folder


def built(folder: Path, shown: str = "", command: str = "go build -o bin/shop .") -> str:
    build = Build(service="shop", dir=str(folder), command=command, shown=shown)
    return build_all([build], lambda _: None).get("shop", "")


def test_what_is_required_is_what_go_mod_names_itself(shop: Path) -> None:
    assert go_sources.required(shop) == {"example.org/tea": "v1.2.3", "example.org/Cake": "v0.1.0"}
    assert go_sources.required(shop / "internal") == {}


@pytest.mark.usefixtures("debian")
def test_without_a_network_debians_sources_do_and_nothing_of_the_learners_changes(shop: Path) -> None:
    before = {path: path.read_bytes() for path in shop.rglob("*") if path.is_file()}
    assert go_sources.missing(shop) == ""
    assert built(shop) == ""
    ran = subprocess.run([shop / "bin" / "shop"], capture_output=True, text=True, check=True)
    assert ran.stderr == "teaCake9000"
    assert {
        path: path.read_bytes() for path in shop.rglob("*") if path.is_file() and path.parent.name != "bin"
    } == before


def test_a_module_that_is_nowhere_is_named(debian: Path, shop: Path) -> None:
    shutil.rmtree(debian / "example.org" / "tea")
    assert go_sources.missing(shop) == "example.org/tea"
    assert "module lookup disabled" in built(shop)


def test_what_go_has_fetched_needs_nothing_of_debians(debian: Path, shop: Path, tmp_path: Path) -> None:
    shutil.rmtree(debian)
    for name in ("tea@v1.2.3", "!cake@v0.1.0"):
        (tmp_path / "cache" / "example.org" / name).mkdir(parents=True)
    assert go_sources.missing(shop) == ""
    with go_sources.debian_sources(shop) as instead:
        assert instead is None


@pytest.mark.usefixtures("debian")
def test_a_module_in_c_needs_a_compiler(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "go.mod").write_text(f"module shop\n\nrequire {go_sources.WITH_C} v1.14.16\n")
    monkeypatch.setenv("CC", "no-such-compiler")
    assert go_sources.missing(shop) == "cc"


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize(("shown", "where"), [("", "shop"), ("day3/3.1-events/shop", "day3/3.1-events/shop")])
def test_an_error_is_told_with_its_place_in_the_workspace(shop: Path, shown: str, where: str) -> None:
    with (shop / "main.go").open("a") as main:
        main.write("\nvar x = y\n")
    assert f"\n  {where}/main.go:11:9: undefined: y" in built(shop, shown)
    with (shop / "internal" / "price" / "price.go").open("a") as inner:
        inner.write("\nvar a = b\n")
    assert f"\n  {where}/internal/price/price.go:5:9: undefined: b" in built(shop, shown)


def test_a_place_is_told_whatever_the_language(tmp_path: Path) -> None:
    (tmp_path / "Shop.java").write_text("")
    said = built(tmp_path, command="echo 'Shop.java:3: error'; echo 'Other.java:3: error'; echo 12:30: late; exit 1")
    assert said.splitlines()[1:] == ["  shop/Shop.java:3: error", "  Other.java:3: error", "  12:30: late"]


def test_a_service_of_a_workspace_is_shown_where_it_is(tmp_path: Path) -> None:
    exercise = catalog.named("5.3")
    workspace.init(tmp_path / "w", ["day5"], language="go")
    workspace.start(workspace.find(tmp_path / "w"), exercise)
    (build,) = workspace.find(tmp_path / "w").programs(exercise)["gateway"].builds("gateway")
    assert build.shown == "day5/5.3-circuit-breaker/gateway"
    with (Path(build.dir) / "main.go").open("a") as main:
        main.write("\nvar x = y\n")
    assert "\n  day5/5.3-circuit-breaker/gateway/main.go:" in build_all([build], lambda _: None)["gateway"]
