"""Workloads as Kubernetes manifests, a file for each, put together by Kustomize, which kubectl has in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lab.export.compose import secrets_file
from lab.export.workload import Check, Workload
from lab.locale import tr
from lab.system.model import System

FILE = "kustomization.yaml"
STORAGE = "1Gi"
STARTING = 60
"""Seconds that a start may take before the container is killed and started again."""

EXECUTABLE = 0o555


def manifests(system: System, workloads: Sequence[Workload]) -> dict[str, list[dict[str, Any]]]:
    """The manifests, by file."""
    found = {"namespace.yaml": [_manifest("v1", "Namespace", system.name, {})]}
    for one in workloads:
        found[f"{one.name}.yaml"] = list(_of(one))
    return found


def kustomization(system: System, workloads: Sequence[Workload]) -> dict[str, Any]:
    """Which files belong together, and the Secrets: they are made from the files of variables beside it."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": system.name,
        "resources": list(manifests(system, workloads)),
        "secretGenerator": [{"name": one.name, "envs": [secrets_file(one)]} for one in workloads if one.secrets],
        "labels": [{"pairs": {"app.kubernetes.io/part-of": system.name}}],
    }


def notes() -> dict[str, str]:
    """What is said beside the first of its kind in a file."""
    return {
        "secretGenerator": tr(
            "A Secret from each file. Its name ends in a hash of its content, so a new password reaches the pods."
        ),
        "replicas": tr("A Service gives its requests to those that are ready."),
        "startupProbe": tr("Until this has passed once, nobody asks the others."),
        "readinessProbe": tr("While this fails, no request comes here."),
        "livenessProbe": tr("When this fails, the container is started again, so it asks nobody else."),
        "limits": tr("Above the limit of memory it is killed; above that of cpu it only gets slower."),
        "runAsNonRoot": tr("Who breaks into the service owns only the service."),
        "fsGroupChangePolicy": tr("Engines refuse files that a group may write, once they have made them their own."),
        "enableServiceLinks": tr("No variables of other Services: KAFKA_PORT would be read as a setting."),
        "clusterIP": tr("None: the name leads to the pod itself."),
    }


def _of(one: Workload) -> Iterator[dict[str, Any]]:
    # What a replica is called is said in its pod.
    if settings := {name: value for name, value in one.env.items() if name != "INSTANCE_ID"}:
        yield _manifest("v1", "ConfigMap", one.name, {"data": settings})
    if one.files:
        content = {path.rpartition("/")[2]: text for path, text in one.files.items()}
        yield _manifest("v1", "ConfigMap", _files(one), {"data": content})
    if one.engine:
        yield _manifest("apps/v1", "StatefulSet", one.name, {"spec": _stateful_set(one)}, one.summary)
    else:
        if one.data:
            yield _manifest("v1", "PersistentVolumeClaim", one.name, {"spec": _claim()})
        yield _manifest("apps/v1", "Deployment", one.name, {"spec": _deployment(one)}, one.summary)
    yield _manifest("v1", "Service", one.name, {"spec": _service(one)})


def _manifest(version: str, kind: str, name: str, content: dict[str, Any], summary: str = "") -> dict[str, Any]:
    about = {"annotations": {"kubernetes.io/description": summary}} if summary else {}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": _labels(name), **about},
        **content,
    }


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def _service(one: Workload) -> dict[str, Any]:
    ports = [{"name": name, "port": port, "targetPort": name} for name, port in one.ports.items()]
    headless = {"clusterIP": "None"} if one.engine else {}
    return {**headless, "selector": _labels(one.name), "ports": ports}


def _deployment(one: Workload) -> dict[str, Any]:
    # A volume that one pod has open cannot be given to the next: then the old one ends first.
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return {
        "replicas": 0 if one.on_request else one.replicas,
        "strategy": {"type": "Recreate"} if one.data else rolling,
        "selector": {"matchLabels": _labels(one.name)},
        "template": _pod(one),
    }


def _stateful_set(one: Workload) -> dict[str, Any]:
    return {
        "serviceName": one.name,
        "replicas": one.replicas,
        "selector": {"matchLabels": _labels(one.name)},
        "template": _pod(one),
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": _claim()}],
    }


def _claim() -> dict[str, Any]:
    return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": STORAGE}}}


def _pod(one: Workload) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = []
    if one.hardened:
        volumes.append({"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}})
    if one.data and not one.engine:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": one.name}})
    if one.files:
        volumes.append({"name": "files", "configMap": {"name": _files(one), "defaultMode": EXECUTABLE}})
    user = {
        "runAsNonRoot": True,
        "runAsUser": one.user,
        "runAsGroup": one.user,
        "fsGroup": one.user,
        "fsGroupChangePolicy": "OnRootMismatch",
    }
    return {
        "metadata": {"labels": _labels(one.name)},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 30 if one.engine else 10,
            "securityContext": {**user, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [_container(one)],
            **({"volumes": volumes} if volumes else {}),
        },
    }


def _container(one: Workload) -> dict[str, Any]:
    made: dict[str, Any] = {"name": one.name, "image": one.image, "imagePullPolicy": "IfNotPresent"}
    if one.command:
        made["command"] = list(one.command)
    if not one.engine:
        # Replicas are told apart by the name of their pod.
        made["env"] = [{"name": "INSTANCE_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    sources = [{"configMapRef": {"name": one.name}}] if one.env else []
    made["envFrom"] = [*sources, *([{"secretRef": {"name": one.name}}] if one.secrets else [])]
    made["ports"] = [{"name": name, "containerPort": port} for name, port in one.ports.items()]
    if one.check:
        made |= _probes(one.check)
    made["resources"] = {
        "requests": {"cpu": "50m", "memory": f"{one.memory // 2}Mi"},
        "limits": {"cpu": "1", "memory": f"{one.memory}Mi"},
    }
    made["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": one.hardened,
        "capabilities": {"drop": ["ALL"]},
    }
    if mounts := list(_mounts(one)):
        made["volumeMounts"] = mounts
    return made


def _mounts(one: Workload) -> Iterator[dict[str, Any]]:
    if one.hardened:
        yield {"name": "tmp", "mountPath": "/tmp"}
    if one.data:
        yield {"name": "data", "mountPath": one.data}
    for path in one.files:
        yield {"name": "files", "mountPath": path, "subPath": path.rpartition("/")[2], "readOnly": True}


def _probes(check: Check) -> dict[str, Any]:
    ready, alive = _ask(check, check.path), _ask(check, check.alive)
    return {
        "startupProbe": {**ready, "periodSeconds": 2, "timeoutSeconds": 3, "failureThreshold": STARTING // 2},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 2},
        "livenessProbe": {**alive, "periodSeconds": 10, "timeoutSeconds": 3, "failureThreshold": 3},
    }


def _ask(check: Check, path: str) -> dict[str, Any]:
    if check.command and not check.costly:
        return {"exec": {"command": list(check.command)}}
    return {"httpGet": {"path": path, "port": check.port}} if path else {"tcpSocket": {"port": check.port}}


def _files(one: Workload) -> str:
    return f"{one.name}-files"
