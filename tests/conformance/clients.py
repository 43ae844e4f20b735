"""Where the suites come from: the clients' own, downloaded at run time, and the small programs beside this file.

Versions are pinned; raise one when RabbitMQ passes the newer. Nothing of theirs is kept in this repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.conformance.suites import Suite, pytest_suite

HERE = Path(__file__).parent
AIO_PIKA = "10.2.1"
AIORMQ = "7.2.4"
AMQP = "5.4.2"
KOMBU = "5.7.0"
AMQPSTORM = "3.1.4"
AMQPLIB = "0.10.3"  # the last ones do not ship their tests
NODE_CLIENTS = ("amqplib@2.3.1", "amqp-connection-manager@5.0.0", "rascal@21.0.1")
AMQP091_GO = ("golang-github-rabbitmq-amqp091-go-dev", "golang-uber-goleak-dev")

AIO_PIKA_PROXY = "tests/test_amqp_robust_proxy.py"
AIO_PIKA_TLS = "tests/test_amqps.py"
AIO_PIKA_RESTARTS = (
    "tests/test_robust_recovery.py::test_restore_topology_and_consumers[stop_app]",
    "tests/test_robust_recovery.py::test_restore_topology_and_consumers[kill]",
    "tests/test_robust_recovery.py::test_pool_consumer_survives_broker_restart",
)
AMQPLIB_PORT_5672 = "serverProperties|using custom heartbeat option"
AT = {"RABBITMQ_HOST": "127.0.0.1", "RABBITMQ_5672_TCP": "{amqp}"}  # for py-amqp and kombu


def suites(groups: list[str], work: Path, everything: bool) -> list[Suite]:
    """The suites of these groups, downloaded into `work`; `everything` adds what breaks connections and broker."""
    return [suite for group in groups for suite in GROUPS[group](work, everything)]


def _programs(work: Path, _everything: bool) -> list[Suite]:
    """Our own small programs, written as the tutorials and the frameworks' front pages teach."""
    venv = _environment(work / "venv-programs", "pika", "celery", "faststream[rabbit]", "pytest", "pytest-timeout")
    # Without this project's settings and conftest files, whose imports this environment lacks.
    options = ("-c", os.devnull, "--rootdir", str(HERE), "--confcutdir", str(HERE))

    def suite(name: str, file: str) -> Suite:
        return pytest_suite(name, venv, HERE.parents[1], *options, str(HERE / "tutorials" / file))

    return [
        suite("programs as in the tutorials (pika)", "tutorials.py"),
        suite("programs on FastStream, Celery and kombu", "frameworks.py"),
    ]


def _aio_pika(work: Path, everything: bool) -> list[Suite]:
    """aio-pika's tests with the stand-in instead of Docker; `everything` adds what breaks connections and broker."""
    name, options = f"aio-pika {AIO_PIKA}", ("-o", "log_cli=false")
    source = _source(work, "aio-pika", AIO_PIKA)
    shutil.copy(HERE / "docker_stand_in.py", source / "tests" / "docker_client.py")
    venv = _asynchronous(work)
    aside = [f"--ignore={AIO_PIKA_PROXY}", f"--ignore={AIO_PIKA_TLS}"]
    aside += [f"--deselect={test}" for test in AIO_PIKA_RESTARTS]
    chosen = [
        pytest_suite(f"{name}: core", venv, source, *options, "tests", *aside),
        pytest_suite(f"{name}: over TLS", venv, source, *options, AIO_PIKA_TLS),
    ]
    if everything:
        restarts = f"{name}: broker restarts"
        chosen.append(pytest_suite(f"{name}: reconnecting through a TCP proxy", venv, source, *options, AIO_PIKA_PROXY))
        chosen.append(pytest_suite(restarts, venv, source, *options, *AIO_PIKA_RESTARTS, restarts_broker=True))
    return chosen


def _aiormq(work: Path, _everything: bool) -> list[Suite]:
    source = _source(work, "aiormq", AIORMQ)
    environment = {"PYTHONPATH": str(HERE)}
    arguments = ("-p", "aiormq_stand_in", "-o", "log_cli=false", "tests")
    return [pytest_suite(f"aiormq {AIORMQ}", _asynchronous(work), source, *arguments, environment=environment)]


def _py_amqp(work: Path, _everything: bool) -> list[Suite]:
    """The integration tests; their TLS half wants their container's certificates."""
    arguments = ("t/integration", "-k", "not tls")
    return [pytest_suite(f"py-amqp {AMQP}", _blocking(work), _source(work, "amqp", AMQP), *arguments, environment=AT)]


def _kombu(work: Path, _everything: bool) -> list[Suite]:
    file = "t/integration/test_py_amqp.py"
    return [pytest_suite(f"kombu {KOMBU}", _blocking(work), _source(work, "kombu", KOMBU), file, environment=AT)]


def _amqpstorm(work: Path, _everything: bool) -> list[Suite]:
    """The functional tests, without those of RabbitMQ's management API and of certificates."""
    folder = "amqpstorm/tests/functional"
    aside = [f"--ignore={folder}/{name}" for name in ("management", "ssl", "test_web_based.py")]
    environment = {"PYTHONPATH": str(HERE), "AMQP_HOST": "127.0.0.1", "AMQP_HTTP_URL": "http://127.0.0.1:{amqp}"}
    environment["AMQP_URI"] = "amqp://guest:guest@127.0.0.1:{amqp}/%2F"
    arguments = ("-p", "amqpstorm_stand_in", folder, *aside)
    source = _source(work, "AMQPStorm", AMQPSTORM)
    return [pytest_suite(f"AMQPStorm {AMQPSTORM}", _blocking(work), source, *arguments, environment=environment)]


def _amqplib(work: Path, _everything: bool) -> list[Suite]:
    """Node.js' client, where that is installed: all but two tests that insist on port 5672."""
    if shutil.which("npm") is None:
        return []
    source = work / f"amqplib-{AMQPLIB}" / "package"
    if not (source / "node_modules").exists():
        subprocess.run(["npm", "pack", "--silent", f"amqplib@{AMQPLIB}"], cwd=work, check=True, capture_output=True)
        _unpack(work / f"amqplib-{AMQPLIB}.tgz", source.parent)
        install = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(install, cwd=source, check=True, capture_output=True)
    mocha = ("node_modules/.bin/mocha", "--check-leaks", "-u", "tdd", "--exit", "--timeout", "20000")
    report = ("--reporter", "xunit", "--reporter-options", "output={report}")
    command = (*mocha, *report, "--grep", AMQPLIB_PORT_5672, "--invert", "test/")
    return [Suite(f"amqplib {AMQPLIB} (Node.js)", source, command, {"URL": "amqp://127.0.0.1:{amqp}"})]


def _amqp091_go(work: Path, _everything: bool) -> list[Suite]:
    """Go's client, where Go and Debian's packages are: its integration tests, as Debian ships them with the source."""
    if not all(map(shutil.which, ("go", "apt-get", "dpkg"))):
        return []
    tree = work / "amqp091-go"
    if not tree.exists():
        archives = work / "archives" / "amqp091-go"
        archives.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *AMQP091_GO], cwd=archives, check=True, capture_output=True)
        for archive in archives.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(archive), str(tree)], check=True)
    gocode = tree / "usr" / "share" / "gocode"
    environment = {
        "AMQP_URL": "amqp://guest:guest@127.0.0.1:{amqp}/",
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": str(gocode),
        "GOCACHE": str(work / "go-cache"),
    }
    command = (sys.executable, str(HERE / "go_tests.py"), "{report}", "-tags", "integration", "-timeout", "15m", ".")
    source = gocode / "src" / "github.com" / "rabbitmq" / "amqp091-go"
    return [Suite("amqp091-go of Debian (Go)", source, command, environment)]


def _languages(work: Path, _everything: bool) -> list[Suite]:
    """Our own program in several languages; those whose client is not installed are skipped."""
    venv = _environment(work / "venv-languages", "pytest", "pytest-timeout")
    environment = {"AMQP_PORT": "{amqp}"}
    node = work / "node-clients"
    if shutil.which("npm") is not None:
        if not node.exists():
            options = ("--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(node))
            subprocess.run(["npm", "install", *options, *NODE_CLIENTS], check=True, capture_output=True)
        environment["NODE_PATH"] = str(node / "node_modules")
    options = ("-c", os.devnull, "--rootdir", str(HERE), "--confcutdir", str(HERE))
    story = str(HERE / "languages" / "story.py")
    title = "a program in C, Java, Node.js, Perl, PHP and Ruby"
    return [pytest_suite(title, venv, HERE.parents[1], *options, story, environment=environment)]


def _asynchronous(work: Path) -> Path:
    """The environment of aio-pika and of aiormq, upon which it is built."""
    needs = ("aiomisc", "aiomisc-pytest", "pytest", "pytest-rst", "pytest-timeout", "shortuuid", "timeout-decorator")
    return _environment(work / "venv-aio-pika", f"aio-pika=={AIO_PIKA}", f"aiormq=={AIORMQ}", *needs)


def _blocking(work: Path) -> Path:
    packages = (f"amqp=={AMQP}", f"kombu=={KOMBU}", f"AMQPStorm=={AMQPSTORM}", "requests", "Pyro4", "hypothesis")
    return _environment(work / "venv-clients", *packages, "pytest<9", "pytest-timeout", "pytest-rerunfailures")


def _environment(folder: Path, *requirements: str) -> Path:
    """A virtual environment with these packages, made once a work folder."""
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *requirements], check=True)
        ready.touch()
    return folder


def _source(work: Path, package: str, version: str) -> Path:
    """The unpacked source distribution of a package on PyPI."""
    folder = work / f"{package}-{version}"
    if not folder.exists():
        archives = work / "archives" / package
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, "-d", str(archives)]
        subprocess.run([*pip, f"{package}=={version}"], check=True)
        _unpack(next(archives.glob(f"*{version}.tar.gz")), folder)
    return next(folder.iterdir())


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")


GROUPS: dict[str, Callable[[Path, bool], list[Suite]]] = {
    "programs": _programs,
    "languages": _languages,
    "aio-pika": _aio_pika,
    "aiormq": _aiormq,
    "py-amqp": _py_amqp,
    "kombu": _kombu,
    "amqpstorm": _amqpstorm,
    "amqplib": _amqplib,
    "amqp091-go": _amqp091_go,
}
