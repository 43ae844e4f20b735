"""Node services that name packages are built by npm, and where it has no network the reason says what to do."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from lab.course.titles import ROOT
from lab.grading import node_packages
from lab.grading.build import build_all
from lab.grading.model import Build

SERVICE = ROOT / "day3/publish_subscribe/starter.node/users"

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which npm has fetched nothing, and reaches nobody."""
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_replace_registry_host", "always")
    node_packages._fetched.cache_clear()


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SERVICE, tmp_path / "users"))


def built(folder: Path) -> str:
    build = Build(service="users", dir=str(folder), command="npm ci")
    return build_all([build], lambda _: None).get("users", "")


@needs_npm
@pytest.mark.usefixtures("no_network")
def test_without_a_network_a_package_is_missing_and_the_build_says_what_to_do(service: Path) -> None:
    began = time.monotonic()
    assert node_packages.missing(service) == "amqplib"
    said = built(service)
    assert "has not fetched amqplib before. Connect to a network" in said.splitlines()[-1]
    assert time.monotonic() - began < 30  # npm itself would wait more than a minute, each time


@needs_npm
@pytest.mark.usefixtures("no_network")
def test_another_failure_is_left_to_npms_own_words(service: Path) -> None:
    (service / "package-lock.json").unlink()
    said = built(service)
    assert "`npm ci` ended with code 1" in said
    assert "Connect to a network" not in said


def test_without_npm_it_is_npm_that_is_missing(service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert node_packages.missing(service) == "npm"
    assert "npm is not installed" in node_packages.advice(service, "`npm ci` ended with code 127")


def test_a_service_without_packages_needs_no_npm(
    service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (service / "package.json").write_text('{ "name": "users", "private": true, "type": "module" }')
    assert node_packages.missing(service) == ""
    assert node_packages.advice(service, "code ENOTFOUND") == ""
    assert node_packages.missing(tmp_path) == ""
