"""What an exported folder says, read from its files as Docker and Kubernetes read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Container:
    """One container: `command` is what runs in it, in the image's words if nobody says another; `user` whom it runs
    as; `env` all that it is told. `probe` is the path that says whether it is ready. `folder` is its service's, of an
    engine none."""

    name: str
    image: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    user: int
    port: int
    probe: str
    folder: Path | None


def compose(folder: Path) -> Iterator[Container]:
    """Those of compose.yaml."""
    for name, service in documents(folder / "compose.yaml")[0]["services"].items():
        env = dict(service.get("environment", {}))
        for file in service.get("env_file", []):
            env |= variables(folder / file["path"])
        home = folder / service["build"] if "build" in service else None
        command = service.get("command") or image_command(home)
        asked = re.search(r"127\.0\.0\.1:\d+(/\w+)", str(service.get("healthcheck")))
        yield Container(
            name=name,
            image=service["image"],
            command=tuple(word.replace("$$", "$") for word in command),
            env={key: value.replace("$$", "$") for key, value in env.items()},
            user=int(service["user"].partition(":")[0]),
            port=int(env.get("PORT", 0)),
            probe=asked[1] if asked else "",
            folder=home,
        )


def kubernetes(folder: Path) -> Iterator[Container]:
    """Those of all pods, with the Secrets that Kustomize makes of files."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    secrets = {one["name"]: one["envs"] for one in kustomization["secretGenerator"]}
    manifests = [manifest for file in kustomization["resources"] for manifest in documents(folder / file)]
    settings = {one["metadata"]["name"]: one["data"] for one in manifests if one["kind"] == "ConfigMap"}
    for manifest in manifests:
        if manifest["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = manifest["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        env = dict[str, str]()
        for source in container["envFrom"]:
            if "configMapRef" in source:
                env |= settings[source["configMapRef"]["name"]]
            else:
                (file,) = secrets[source["secretRef"]["name"]]
                env |= variables(folder / file)
        env |= {one["name"]: f"{container['name']}-5f7c9-x2x4z" for one in container.get("env", [])}
        home = folder / "services" / container["name"]
        yield Container(
            name=container["name"],
            image=container["image"],
            command=tuple(container.get("command") or image_command(home if home.is_dir() else None)),
            env=env,
            user=pod["securityContext"]["runAsUser"],
            port=int(env.get("PORT", 0)),
            probe=container["readinessProbe"].get("httpGet", {}).get("path", ""),
            folder=home if home.is_dir() else None,
        )


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def variables(path: Path) -> dict[str, str]:
    """A file of variables, each line as it is."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def image_command(home: Path | None) -> list[str]:
    """What an image of ours runs."""
    if home is None:
        return []
    (line,) = re.findall(r"^CMD (.*)$", (home / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    words: list[str] = json.loads(line)
    return words
