"""What `lab export` writes: valid by the published schemas, without a password, and never over anything."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from typer.testing import CliRunner

from lab.cli.app import app
from lab.course import days, systems
from lab.export.folder import NotEmpty, export
from lab.export.workloads import NotInContainers
from lab.system import toml
from lab.system.model import CLIENT, Link, System
from tests.export.written import Container, compose, documents, kubernetes, variables

SCHEMA = json.loads((Path(__file__).parent / "schema/compose-spec.json").read_text())
KUBERNETES = "1.33"
PINNED = ("rabbitmq:4", "redis:8", "postgres:17", "apache/kafka:4.1.0")
CASES: list[tuple[str, dict[str, str]]] = [
    *((day, {}) for day in days.names()),
    ("day1", {"shape": "both"}),
    ("day2", {"transport": "grpc"}),
    ("day2", {"transport": "broker"}),
    ("day3", {"broker": "kafka"}),
    ("day3", {"saga": "orchestration"}),
    ("day4", {"replicas": "three"}),
    ("day4", {"shape": "regions"}),
    ("day6", {"broker": "kafka", "transport": "grpc"}),
]

MINE = """\
name = "mine"

[service.web]
run = ["node", "server.js", "--port", "$PORT", "--greeting", 'a "b" $$5']
dir = "web"
ready = "/up"
replicas = 2
env = { API_TOKEN = "s3cr3t-t0k3n", GREETING = "5 $ for: you" }

[service.py]
run = "exec python -m api --port $PORT"
dir = "py"

[service.old]
address = "127.0.0.1:4711"

[engine.db]
kind = "sql"

[[link]]
from = "client"
to = "web"

[[link]]
from = "web"
to = "py"

[[link]]
from = "py"
to = "db"
env = "DB"

[[link]]
from = "py"
to = "old"
"""


@pytest.fixture
def mine(tmp_path: Path) -> System:
    home = tmp_path / "mine"
    for name in ("web", "py/api", "web/node_modules/x", "web/.git"):
        (home / name).mkdir(parents=True)
    (home / "web/server.js").write_text("// serves\n")
    (home / "web/package.json").write_text("{}\n")
    (home / "web/node_modules/x/index.js").write_text("")
    (home / "web/.env").write_text("KEPT=here\n")
    (home / "py/api/__main__.py").write_text("import json\nimport httpx\nfrom api import views\n")
    (home / "py/api/views.py").write_text("from fastapi import FastAPI\n")
    (home / "mine.toml").write_text(MINE)
    return toml.load(home / "mine.toml")


@pytest.mark.parametrize(("day", "settings"), CASES)
def test_a_compose_file_keeps_to_the_specification(day: str, settings: dict[str, str], tmp_path: Path) -> None:
    export(systems.find(day, settings), "compose", tmp_path / "out")
    check_compose(tmp_path / "out")


@pytest.mark.parametrize(("day", "settings"), CASES)
def test_manifests_keep_to_the_schemas_of_kubernetes(day: str, settings: dict[str, str], tmp_path: Path) -> None:
    export(systems.find(day, settings), "k8s", tmp_path / "out")
    check_kubernetes(tmp_path / "out")


@pytest.mark.parametrize("to", ["compose", "k8s"])
def test_no_password_is_in_a_file_that_git_keeps(to: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(systems.find("day3"), to, out)
    secret = [file for file in (out / "secrets").iterdir() if file.suffix == ".env"]
    values = {value for file in secret for name, value in variables(file).items() if "PASS" in name}
    assert len(values) == 6  # one a service with a database, one for the cluster, one for the broker
    for file in secret:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for file in set(out.rglob("*")) - set(secret):
        if file.is_file():
            assert not any(value in file.read_text(encoding="utf-8") for value in values), file
    assert (out / ".gitignore").read_text() == "secrets/*.env\n"
    example = variables(out / "secrets/orders.env.example")
    assert example["DATABASE_URL"] == "postgresql+psycopg://orders:CHANGE-ME@db:5432/orders"


def test_two_exports_have_different_passwords(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export(systems.find("day4"), "compose", tmp_path / name)
    one, two = (variables(tmp_path / name / "secrets/redis.env") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert not set(one.values()) & set(two.values())


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "out/notes.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(NotEmpty, match="is not empty"):
        export(systems.find("day1"), "compose", kept.parent)
    assert [path.name for path in kept.parent.iterdir()] == ["notes.txt"]
    done = CliRunner().invoke(app, ["export", "day1", "--to", "compose", str(kept.parent)])
    assert done.exit_code == 2
    assert "name another folder" in done.stderr


def test_an_empty_folder_is_filled_and_nothing_else_is_made(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export(systems.find("day1"), "compose", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert (tmp_path / "out/README.md").is_file()


def test_replicas_wait_in_a_range_of_ports_and_have_no_name_that_they_share(tmp_path: Path) -> None:
    export(systems.find("day4", {"replicas": "three"}), "compose", tmp_path / "out")
    catalog = documents(tmp_path / "out/compose.yaml")[0]["services"]["catalog"]
    assert catalog["ports"] == ["127.0.0.1:8001-8003:8000"]
    assert catalog["deploy"]["replicas"] == 3
    assert "INSTANCE_ID" not in catalog["environment"]


def test_waiting_is_as_the_links_say(tmp_path: Path) -> None:
    export(systems.find("day4"), "compose", tmp_path / "out")
    services = documents(tmp_path / "out/compose.yaml")[0]["services"]
    assert services["catalog"]["depends_on"] == {
        "redis": {"condition": "service_started"},
        "origin": {"condition": "service_healthy"},
    }


def test_a_system_of_ones_own_in_other_languages(mine: System, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(mine, "compose", out)
    check_compose(out)
    said = documents(out / "compose.yaml")[0]["services"]
    found = {one.name: one for one in compose(out)}
    assert set(found) == {"db", "web", "py"}
    assert found["py"].env["OLD_URL"] == "http://host.docker.internal:4711"
    assert said["py"]["extra_hosts"] == ["host.docker.internal:host-gateway"]
    assert found["py"].env["DB"].startswith("postgresql+psycopg://py:")
    assert found["web"].env["GREETING"] == "5 $ for: you"
    assert variables(out / "secrets/web.env") == {"API_TOKEN": "s3cr3t-t0k3n"}
    files = sorted(path.relative_to(out / "services").as_posix() for path in (out / "services").rglob("*.*"))
    assert files == [
        "py/requirements.txt",
        "py/src/api/__main__.py",
        "py/src/api/views.py",
        "web/src/package.json",
        "web/src/server.js",
    ]
    needed = (out / "services/py/requirements.txt").read_text()
    assert [line.partition("==")[0] for line in needed.splitlines()] == ["fastapi", "httpx", "psycopg[binary]"]
    assert found["py"].command[2].endswith("exec python -m api --port $PORT")
    shell, flag, script = found["web"].command
    assert (shell, flag) == ("sh", "-c")
    printed = subprocess.run(
        ["sh", "-c", script.replace("exec", "printf '%s\\n'", 1)],
        env={**os.environ, "PORT": "8000"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.splitlines() == ["node", "server.js", "--port", "8000", "--greeting", 'a "b" $5']
    assert "FROM node:" in (out / "services/web/Dockerfile").read_text()
    assert "Dockerfile of web" in (out / "README.md").read_text()


def test_no_pod_reaches_what_runs_on_this_machine(mine: System, tmp_path: Path) -> None:
    with pytest.raises(NotInContainers, match="old runs on this machine"):
        export(mine, "k8s", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_instance_has_no_name_among_containers(mine: System, tmp_path: Path) -> None:
    direct = replace(mine, links=(*mine.links, Link(source=CLIENT, target="web-2", protocol="http")))
    with pytest.raises(NotInContainers, match="client->web-2 leads to one instance of web"):
        export(direct, "compose", tmp_path / "out")


def check_compose(folder: Path) -> None:
    """By the specification, and by what every container of ours shall have."""
    (content,) = documents(folder / "compose.yaml")
    jsonschema.Draft7Validator(SCHEMA).validate(content)
    for name, service in content["services"].items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert "healthcheck" in service or name == "web", name
        assert service["security_opt"] == ["no-new-privileges:true"]
        for mount in service.get("volumes", []):
            source = mount.partition(":")[0]
            assert source in content["volumes"] or (folder / source).is_file(), mount
        for provider in service.get("depends_on", {}):
            assert provider in content["services"]
    check_containers(list(compose(folder)), folder)


def check_kubernetes(folder: Path) -> None:
    written = [one for file in folder.glob("*.yaml") for one in documents(file) if one["kind"] != "Kustomization"]
    manifests = rendered(folder) or written
    assert len(manifests) >= len(written)
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            pod = manifest["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            (container,) = pod["containers"]
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
            assert container["resources"].keys() == {"requests", "limits"}
    check_containers(list(kubernetes(folder)), folder)


def rendered(folder: Path) -> list[Any]:
    """What Kustomize makes of it, where it is installed: there the Secrets are, by the names that are referred to."""
    if shutil.which("kubectl") is None:
        return []
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    import yaml

    manifests = list(yaml.safe_load_all(done.stdout))
    secrets = {one["metadata"]["name"] for one in manifests if one["kind"] == "Secret"}
    assert secrets == set(_referred(manifests))
    return manifests


def _referred(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        if "secretRef" in data:
            yield data["secretRef"]["name"]
        data = list(data.values())
    if isinstance(data, list):
        for one in data:
            yield from _referred(one)


def check_containers(containers: list[Container], folder: Path) -> None:
    assert containers
    for one in containers:
        assert one.user > 0
        if one.folder is None:
            assert one.image in PINNED
            continue
        dockerfile = (one.folder / "Dockerfile").read_text()
        assert "USER 10001:10001" in dockerfile
        assert ":latest" not in dockerfile
        assert not list((one.folder / "src").rglob("__pycache__"))
    assert "lab " in (folder / "README.md").read_text()
