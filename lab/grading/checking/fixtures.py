"""What a check is given: the system under test and the instruments that disturb and observe it."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from lab.faults.schedule import Schedule
from lab.faults.text import FaultError
from lab.grading.bench import Bench
from lab.grading.bench.processes import GRACE
from lab.grading.bench.wait import PATIENCE
from lab.grading.checking.expect import CannotTell, warn
from lab.grading.instruments.http import Http, NoService
from lab.grading.model import Chosen
from lab.journal.deliveries import NEEDS_NO_ACK
from lab.journal.event import Flow, Log
from lab.locale import tr
from lab.neighbours.stub import Stub
from lab.runtime.api import ControlError
from lab.runtime.family import Family
from lab.system.model import Service, System

if TYPE_CHECKING:
    from lab.grading.instruments import Instrument
    from lab.grading.instruments.broker import Broker
    from lab.grading.instruments.chaos import Chaos
    from lab.grading.instruments.git import History
    from lab.grading.instruments.grpc import Grpc
    from lab.grading.instruments.kafka import Kafka
    from lab.grading.instruments.metrics import Metrics
    from lab.grading.instruments.redis import Redis
    from lab.grading.instruments.tool import Ran


T = TypeVar("T")


class SystemUnderTest:
    """The learner's processes, the engines and the stubs, by name. That of a service with replicas means its first
    instance."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def start(self, name: str, env: Mapping[str, object] | None = None) -> None:
        """Start it and wait until it is healthy. `env` replaces what earlier starts of this check added."""
        told = None if env is None else {key: str(value) for key, value in env.items()}
        self._bench.processes.start(name, told)

    def stop(self, name: str) -> None:
        """SIGTERM, after 10 s SIGKILL; returns when it has ended. A service that ignored SIGTERM is remarked."""
        self._bench.processes.stop(name)
        if self._bench.seen.exit_code(name) == -signal.SIGKILL:
            warn(tr("{name} did not end within {seconds:g} s of SIGTERM and was killed.", name=name, seconds=GRACE))

    def kill(self, name: str) -> None:
        """SIGKILL; returns when it has ended."""
        self._bench.processes.kill(name)

    def terminate(self, name: str) -> None:
        """SIGTERM and nothing more; see `wait_exit`."""
        self._bench.processes.act(name, "terminate")

    def freeze(self, name: str) -> None:
        self._bench.processes.act(name, "freeze")

    def thaw(self, name: str) -> None:
        self._bench.processes.act(name, "thaw")

    def restart(self, name: str, env: Mapping[str, object] | None = None, *, clean: bool = False) -> None:
        """Stop it if it lives and start it again; with `clean` its database is empty then."""
        if self.alive(name):
            self.stop(name)
        if clean:
            self._bench.control.wipe(name)
        self.start(name, env)

    def scale(self, name: str, count: int) -> list[str]:
        """Have `count` instances of the service running; their names. The exercise declares how many there may be."""
        instances = list(self._bench.assignment.system.instances(name))[:count]
        if len(instances) < count:
            raise ValueError(
                tr(
                    "{name} has {count} instances in exercise.toml, not {wanted}",
                    name=name,
                    count=len(instances),
                    wanted=count,
                )
            )
        for instance in instances:
            if not self.alive(instance):
                self._bench.processes.start(instance, wait=False)
        self._bench.processes.await_healthy(instances)
        return instances

    def pid(self, name: str) -> int | None:
        return self._bench.processes.status(name).pid

    def alive(self, name: str) -> bool:
        return self.pid(name) is not None

    def wait_exit(self, name: str, within: float = 10.0) -> int | None:
        """The exit code as soon as it has ended, or None if it lives on after `within` seconds."""
        if not self._bench.processes.await_dead([name], within):
            return None
        return self._bench.seen.exit_code(name)

    def wait_ready(self, name: str, within: float = PATIENCE) -> None:
        self._bench.processes.await_healthy([name], within)

    def ready(self, name: str) -> dict[str, Any] | None:
        """The body of its `/readyz`, with the HTTP status as `http_status`; None if it does not answer."""
        client = Http({name: _of(self._bench.direct, name)}, name, random.Random())
        try:
            answer = client.get("/readyz", timeout=3.0)
        finally:
            client.close()
        return {**answer.json, "http_status": answer.status} if isinstance(answer.json, dict) else None

    def rss(self, name: str) -> int:
        """Bytes of memory at this moment, descendants included; 0 once it has ended."""
        pid = self._bench.processes.status(name).pid
        return Family(pid).memory() if pid else 0

    def last_words(self, name: str) -> tuple[str, ...]:
        """The last lines that it wrote, as they are, to stdout and stderr; a score of them."""
        return self._bench.processes.status(name).tail

    def restarts(self, name: str) -> int:
        return self._bench.processes.status(name).restarts

    def database(self, name: str) -> Path:
        """The SQLite file of the service (it may not exist yet)."""
        service = self._service(name).name
        return self._bench.record.folder / "data" / service / f"{service}.db"

    def writing(self, name: str, within: float = 1.0) -> AbstractContextManager[bool | None]:
        """Keep everybody else from writing to its database, see `lab.grading.instruments.database.writing`."""
        from lab.grading.instruments.database import writing

        return writing(self.database(name), within)

    def failing_commits(self, name: str) -> AbstractContextManager[bool]:
        """Let what it inserts fail at the commit, see `lab.grading.instruments.database.failing_commits`."""
        from lab.grading.instruments.database import failing_commits

        return failing_commits(self.database(name))

    def tables(self, name: str) -> list[str]:
        """The tables of its database; none if that is no SQLite file."""
        from lab.grading.instruments.database import tables

        return tables(self.database(name))

    def refusing_writes(self, name: str, table: str) -> AbstractContextManager[bool]:
        """Let its changes of one table fail, see `lab.grading.instruments.database.refusing_writes`."""
        from lab.grading.instruments.database import refusing_writes

        return refusing_writes(self.database(name), table)

    @property
    def topology(self) -> System:
        """All that there is, with its links."""
        return self._bench.assignment.system

    def dir(self, name: str) -> Path:
        """The folder of its source."""
        return Path(self._service(name).dir or ".")

    def env(self, name: str) -> Mapping[str, str]:
        """The knobs that the exercise gives it."""
        return self._service(name).env

    def url(self, name: str) -> str:
        """Where clients reach it: the tap's address; `users:grpc` is that of another endpoint. Raises NoService."""
        return _of(self._bench.urls, name)

    def _service(self, name: str) -> Service:
        service = self._bench.assignment.system.service(name)
        if service is None:
            raise NoService(name, self._bench.assignment.learners)
        return service


def _of(urls: Mapping[str, str], service: str) -> str:
    if service not in urls:
        raise NoService(service, urls)
    return urls[service]


class FaultBox:
    """Faults on links and processes of the run, in the text form of `lab fault add`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @contextmanager
    def on(self, target: str, kind: str = "", **kinds: str) -> Iterator[str]:
        """Hold a fault for the length of the block: `on("a->b", "refuse")` or `on("a->b", latency="2s")`; its id."""
        texts = [kind] if kind else []
        texts += [f"{name.replace('_', '-')} {value}" for name, value in kinds.items()]
        idents = []
        for text in texts:
            name, _, rest = text.partition(" ")
            idents.append(self.add(f"{name} {target} {rest} for 10m"))
        try:
            yield idents[0]
        finally:
            for ident in idents:
                self.heal(ident)

    def add(self, text: str) -> str:
        """Add a fault as `lab fault add` takes it; its id."""
        try:
            return self._bench.control.add_fault(text, "check").id
        except ControlError as error:
            raise FaultError(f"{text}: {error}") from None

    def heal(self, ident: str | None = None) -> None:
        """Heal one or all; one that is over already is no error."""
        try:
            self._bench.control.heal(ident)
        except ControlError as error:
            if error.status != 404:
                raise

    def victims(self, ident: str) -> int:
        """How many it has hit so far."""
        return next((fault.victims for fault in self._bench.control.faults() if fault.id == ident), 0)


class Wire:
    """What passed the taps in this check."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def mark(self) -> int:
        """A place in time for `flows(since=...)`."""
        return self._bench.control.flush()

    def flows(self, link: str | None = None, op: str = "*", since: int = 0) -> list[Flow]:
        """Flows on the link (`orders->users`) whose op matches the pattern, oldest first, complete up to now."""
        return [
            flow
            for flow in self._bench.seen.flows()
            if flow.seq > since and (link is None or flow.link == link) and fnmatchcase(flow.op, op)
        ]

    def deliveries(self, link: str, queue: str, since: int = 0) -> list[Flow]:
        """The messages that the broker delivered from the queue, pushed or fetched."""
        return [flow for flow in self.flows(link, since=since) if flow.role == "delivery" and flow.queue == queue]

    def acknowledged(self, link: str, messages: Iterable[str], since: int = 0) -> bool:
        """Whether the consumer acknowledged one of the messages, or had it delivered so that it need not. A delivery
        whose connection broke was not acknowledged, whatever became of the queue."""
        idents = set(messages)
        return any(
            flow.message in idents and flow.outcome != "lost" and (_is_ack(flow) or _needs_no_ack(flow))
            for flow in self.flows(link, since=since)
        )


def _is_ack(flow: Flow) -> bool:
    return flow.role == "ack" and not flow.back


def _needs_no_ack(flow: Flow) -> bool:
    return flow.role == "delivery" and flow.status == NEEDS_NO_ACK


class New:
    """Fresh names and ids, random from the seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def id(self, kind: str = "id") -> str:
        return f"{kind}-{self._rng.randrange(16**6):06x}"

    def name(self) -> str:
        return f"{self._rng.choice(NAMES)} {self._rng.choice(FAMILIES)}"

    def email(self) -> str:
        return f"{self._rng.choice(NAMES).lower()}.{self._rng.randrange(16**8):08x}@example.uz"


class Memory:
    """What one run left behind, for all behaviours that are judged by it."""

    def __init__(self, since: int) -> None:
        self.since = since
        """Number of the first event of the run."""
        self._left: list[object] = []
        self._problem: Exception | None = None

    def once(self, play: Callable[[], T]) -> T:
        """What `play` returns, or raises, the first time."""
        if self._problem:
            raise self._problem
        if not self._left:
            try:
                self._left.append(play())
            except Exception as problem:
                self._problem = problem
                raise
        return cast("T", self._left[0])


NAMES = ("Aziz", "Dilnoza", "Jasur", "Madina", "Nodira", "Otabek", "Sardor", "Zilola")
FAMILIES = ("Karimov", "Rahimova", "Tosheva", "Umarov", "Yusupov")


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    """The live run, fresh for this check and, unless the check says otherwise, with every service started.

    A check whose behaviour is judged by a run that was played already gets it as it is, and looks back at that.
    """
    found: Bench = request.config.stash[BENCH]
    mark = request.node.get_closest_marker("behaviour")
    name, runs = _run(found, request), request.config.stash[RUNS]
    if name in runs:
        found.seen.since = runs[name].since
        return found
    found.fresh()
    if mark is None or mark.kwargs.get("start", True):
        _start_all(found)
    if name:
        runs[name] = Memory(found.seen.since)
    return found


def _run(bench: Bench, request: pytest.FixtureRequest) -> str:
    """The run by which the check's behaviour is judged together with others, if it is."""
    mark = request.node.get_closest_marker("behaviour")
    ident = mark.args[0] if mark else ""
    return next((one.run for one in bench.assignment.behaviours if one.id == ident), "")


BENCH = pytest.StashKey[Bench]()
SEED = pytest.StashKey[int]()
CHOSEN = pytest.StashKey[Chosen]()
PLAYED = pytest.StashKey[list[Schedule]]()
RUNS = pytest.StashKey[dict[str, Memory]]()


def _start_all(bench: Bench) -> None:
    if bench.unhealthy:
        raise CannotTell(bench.unhealthy)
    names = bench.assignment.learners
    try:
        for name in names:
            bench.processes.start(name, wait=False)
        bench.processes.await_healthy(names)
    except CannotTell as error:
        bench.unhealthy = str(error)
        raise


@pytest.fixture
def system(bench: Bench) -> SystemUnderTest:
    return SystemUnderTest(bench)


@pytest.fixture
def http(bench: Bench, request: pytest.FixtureRequest) -> Iterator[Http]:
    client = Http(bench.urls, bench.assignment.learners[0], _rng(request, ":http"))
    yield client
    client.close()


@pytest.fixture
def rpc(bench: Bench) -> Iterator[Callable[[str], Grpc]]:
    """`rpc("users")` is a gRPC client of this service."""
    from lab.grading.instruments.grpc import Grpc

    made: list[Grpc] = []

    def client(service: str) -> Grpc:
        made.append(Grpc(_of(bench.urls, f"{service}:grpc")))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History:
    """What was committed on the branch that is graded. The system is not started for it."""
    from lab.grading.instruments.git import History

    branch = request.config.stash[BENCH].assignment.branch
    assert branch, tr("the exercise names no branch")
    return History(branch)


@pytest.fixture
def stub(bench: Bench) -> Mapping[str, Stub]:
    return bench.stubs


@pytest.fixture
def faults(bench: Bench) -> FaultBox:
    return FaultBox(bench)


@pytest.fixture
def chaos(bench: Bench, request: pytest.FixtureRequest) -> Chaos:
    from lab.grading.instruments.chaos import Chaos

    return Chaos(bench, request.config.stash[CHOSEN], request.config.stash[PLAYED].append)


@pytest.fixture
def memory(bench: Bench, request: pytest.FixtureRequest) -> Memory:
    """`memory.once(play)` plays the run that several behaviours are judged by, for the first of them."""
    return request.config.stash[RUNS][_run(bench, request)]


@pytest.fixture
def wire(bench: Bench) -> Wire:
    return Wire(bench)


@pytest.fixture
def instrument(bench: Bench) -> Callable[[str], Instrument]:
    """`instrument("amqp")` looks into the exercise's engine of this kind."""

    def named(kind: str) -> Instrument:
        assert kind in bench.instruments, tr("the exercise has no engine {kind} that a check can look into", kind=kind)
        return bench.instruments[kind]

    return named


@pytest.fixture
def broker(instrument: Callable[[str], Instrument]) -> Broker:
    return cast("Broker", instrument("amqp"))


@pytest.fixture
def kafka(instrument: Callable[[str], Instrument]) -> Kafka:
    return cast("Kafka", instrument("kafka"))


@pytest.fixture
def redis(instrument: Callable[[str], Instrument]) -> Redis:
    return cast("Redis", instrument("redis"))


@pytest.fixture
def metrics(bench: Bench) -> Callable[[str], Metrics]:
    """`metrics("gateway")` asks its /metrics now. Raises CannotTell if it does not answer."""
    from lab.grading.instruments.metrics import read_metrics

    def scrape(service: str) -> Metrics:
        return read_metrics(_of(bench.direct, service))

    return scrape


@pytest.fixture
def command(bench: Bench) -> Callable[..., Ran]:
    """`command("diagnose", text)` runs this program of the learner's with the text on its stdin."""
    from lab.grading.instruments.tool import run

    def ran(name: str, given: str = "") -> Ran:
        return run(next(tool for tool in bench.assignment.tools if tool.name == name), given)

    return ran


@pytest.fixture
def logs(bench: Bench) -> Callable[[str], list[Log]]:
    return bench.seen.logs


@pytest.fixture
def lasts(bench: Bench, request: pytest.FixtureRequest) -> float:
    """Seconds for which the check plays what it plays, see `lasts` of Behaviour."""
    mark = request.node.get_closest_marker("behaviour")
    return next((one.lasts for one in bench.assignment.behaviours if mark and one.id == mark.args[0]), 0.0)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Chance from the grading's seed, different in each check."""
    return _rng(request)


def _rng(request: pytest.FixtureRequest, purpose: str = "") -> random.Random:
    return random.Random(f"{request.config.stash[SEED]}:{request.node.name}{purpose}")


@pytest.fixture
def new(rng: random.Random) -> New:
    return New(rng)
