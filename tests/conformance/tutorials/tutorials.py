"""The six ways of use that RabbitMQ's tutorials teach, as programs over pika, and what their readers would see."""

from __future__ import annotations

from tests.conformance.tutorials.programs import Stage, stage

__all__ = ["stage"]


def test_hello_world(stage: Stage) -> None:
    assert stage.run("hello.py", "send", "before") == ["sent before"]
    receiver = stage.start("hello.py", "receive", until="waiting")
    receiver.says("received before")
    stage.run("hello.py", "send", "Hello World!")
    receiver.says("received Hello World!")


def test_work_is_shared_between_workers(stage: Stage) -> None:
    workers = [stage.start("work_queue.py", "worker", until="waiting") for _ in range(2)]
    for number in range(4):
        stage.run("work_queue.py", "task", f"task {number} ...")
    for number in range(4):
        workers[number % 2].says(f"done task {number} ...")


def test_the_task_of_a_dead_worker_goes_to_another(stage: Stage) -> None:
    doomed = stage.start("work_queue.py", "worker", until="waiting")
    stage.run("work_queue.py", "task", "stuck")
    doomed.says("received stuck")
    heir = stage.start("work_queue.py", "worker", until="waiting")
    stage.run("work_queue.py", "task", "next")
    heir.says("done next")
    doomed.process.kill()
    heir.says("received stuck again")
    heir.says("done stuck")


def test_a_busy_worker_gets_no_second_task(stage: Stage) -> None:
    busy = stage.start("work_queue.py", "worker", until="waiting")
    stage.run("work_queue.py", "task", "stuck")
    busy.says("received stuck")
    idle = stage.start("work_queue.py", "worker", until="waiting")
    for number in range(3):
        stage.run("work_queue.py", "task", f"light {number}")
        idle.says(f"done light {number}")
    # Leave the queue empty for the next test: the task that is stuck is done by whom it falls to.
    busy.process.kill()
    idle.says("done stuck")


def test_publish_and_subscribe(stage: Stage) -> None:
    receivers = [stage.start("logs.py", "receive", "fanout", "", until="waiting") for _ in range(2)]
    stage.run("logs.py", "emit", "fanout", "", "to all")
    for receiver in receivers:
        receiver.says("received :to all")


def test_routing(stage: Stage) -> None:
    errors = stage.start("logs.py", "receive", "direct", "error", until="waiting")
    everything = stage.start("logs.py", "receive", "direct", "info", "warning", "error", until="waiting")
    for severity in ("info", "debug", "warning", "error"):
        stage.run("logs.py", "emit", "direct", severity, "text")
    errors.says("received error:text")
    everything.says("received error:text")
    assert errors.lines == ["waiting", "received error:text"]
    assert everything.lines == ["waiting", "received info:text", "received warning:text", "received error:text"]


def test_topics(stage: Stage) -> None:
    patterns = {"all": ["#"], "kernel": ["kern.*"], "critical": ["*.critical"], "both": ["kern.*", "*.critical"]}
    receivers = {
        name: stage.start("logs.py", "receive", "topic", *keys, until="waiting") for name, keys in patterns.items()
    }
    for key in ("kern.info", "cron.critical", "kern.critical", "a.b.critical", "kern", "kern.end"):
        stage.run("logs.py", "emit", "topic", key, "x")
    expected = {
        "all": ["kern.info", "cron.critical", "kern.critical", "a.b.critical", "kern", "kern.end"],
        "kernel": ["kern.info", "kern.critical", "kern.end"],
        "critical": ["cron.critical", "kern.critical"],
        "both": ["kern.info", "cron.critical", "kern.critical", "kern.end"],
    }
    for name, keys in expected.items():
        for key in keys:
            receivers[name].says(f"received {key}:x")
        assert receivers[name].lines == ["waiting", *(f"received {key}:x" for key in keys)]


def test_remote_procedure_call(stage: Stage) -> None:
    stage.start("rpc.py", "server", until="waiting")
    assert stage.run("rpc.py", "client", "10", "20", "1") == ["fib(10) = 55", "fib(20) = 6765", "fib(1) = 1"]
