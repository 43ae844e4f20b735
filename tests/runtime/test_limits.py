"""What one life of a process may use and write, and what it is not told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from lab.journal.event import Event, Flow, Log, Note, from_line
from lab.system.model import CLIENT, Link, Service, System
from tests.runtime.live import Live, alive, shop, started
from tests.waiting import eventually

GROW = """
import os, subprocess, sys, time
if len(sys.argv) == 1:
    sys.exit(subprocess.call([sys.executable, __file__, "child"]))
held = [bytearray(b"x") * 60_000_000]
while not os.path.exists("on"):
    time.sleep(0.02)
while True:
    held.append(bytearray(b"x") * 5_000_000)
    time.sleep(0.02)
"""
SECRETS = """
import os, pathlib
print("told", sorted(os.environ.items()), pathlib.Path(f"/proc/{os.getpid()}/environ").read_bytes(), flush=True)
import time; time.sleep(600)
"""


def seen(live: Live) -> list[Event]:
    return [from_line(line) for line in live.control.events()]


def notes(live: Live, name: str) -> list[str]:
    return [event.text for event in seen(live) if isinstance(event, Note) and event.source == name]


def test_a_tree_that_grows_too_large_is_killed_whole(tmp_path: Path) -> None:
    (tmp_path / "grow.py").write_text(GROW)
    greedy = Service(
        name="greedy", command=("python", "grow.py"), dir=str(tmp_path), ready="started", restart="never", memory=120
    )
    with started(System(name="toy", services=(greedy, shop("modest", memory=500)))) as live:
        live.ready()
        footprint = live.footprint()
        eventually(lambda: live.process("greedy").rss > 60_000_000)
        (tmp_path / "on").touch()
        failed = live.until("greedy", "failed")
        matched = re.fullmatch(r"killed by SIGKILL \(used (\d+) MiB, more than the 120 MiB it may\)", failed.reason)
        assert matched
        assert 120 < int(matched[1]) < 400
        assert notes(live, "greedy") == [f"killed: it used {matched[1]} MiB, more than the 120 MiB it may"]
        assert live.process("modest").state == "ready"
        modest = live.process("modest").pid
        own = {live.record.pid, modest, live.recorded()["fork server"]}
        eventually(lambda: not any(map(alive, footprint.pids - own)), 3)


def test_growing_too_large_again_and_again_is_a_failure_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "grow.py").write_text(GROW)
    greedy = Service(name="greedy", command=("python", "grow.py", "now"), dir=str(tmp_path), ready="started", memory=40)
    with started(System(name="toy", services=(greedy,))) as live:
        reason = live.until("greedy", "failed").reason
        assert reason.endswith("more than the 40 MiB it may), the 5th time in a row")


def test_output_above_its_limit_is_left_out_and_said_once() -> None:
    """It writes on, unhindered, and says at its end that it could."""
    script = "yes 0123456789012345678901234567890123456789012345678 | head -c 4000000; touch done; sleep 600"
    chatty = Service(name="chatty", command=("sh", "-c", script), ready="started", output=1, restart="never")
    with started(System(name="toy", services=(chatty,))) as live:
        done = live.record.folder / "data" / "chatty" / "done"
        eventually(done.exists)
        live.control.flush()
        said = eventually(lambda: [text for text in notes(live, "chatty") if "more than 1 MB" in text])
        assert said == ["wrote more than 1 MB: what it writes from here on is left out"]
        kept = sum(len(event.message) for event in seen(live) if isinstance(event, Log))
        assert 0 < kept <= 1_000_000
        done.unlink()
        live.control.act("chatty", "restart")
        eventually(done.exists)
        eventually(lambda: len([text for text in notes(live, "chatty") if "more than 1 MB" in text]) == 2)


def test_a_process_is_told_no_secret_of_the_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "hunter2")
    monkeypatch.setenv("SHOP_COLOUR", "green")  # no secret, but the starter's own all the same
    monkeypatch.setenv("TZ", "Asia/Tashkent")
    services = (
        Service(name="plain", command=("python", "-c", SECRETS), ready="started"),
        Service(name="given", command=("python", "-c", SECRETS), ready="started", env={"OWN_TOKEN": "declared"}),
        shop("forked"),
    )
    with started(System(name="toy", services=services)) as live:
        live.ready()
        told = {e.source: e.message for e in seen(live) if isinstance(e, Log) and e.message.startswith("told")}
        assert set(told) == {"plain", "given"}
        assert all("Asia/Tashkent" in text for text in told.values())
        assert not any("green" in text or "hunter2" in text for text in told.values())
        assert "OWN_TOKEN" in told["given"]
        environ = Path(f"/proc/{live.pid('forked')}/environ")
        assert not environ.exists() or b"hunter2" not in environ.read_bytes()


TALK = """
import json, os, sys, time
key, url = os.environ["SHOP_API_KEY"], os.environ["STORE_URL"]
print("connecting with", key, flush=True)
print(json.dumps({"msg": f"store {url}", "key": key}), flush=True)
print("bad login", url, file=sys.stderr, flush=True)
time.sleep(600)
"""


def test_what_the_lab_knows_to_be_secret_is_nowhere_in_what_is_recorded() -> None:
    """In no log line, no path or key on the wire, and not among the last words that `lab ps --json` has."""
    key, password = 's3cr"et-42', "hunter2hunter"
    given = {"SHOP_API_KEY": key, "STORE_URL": f"postgresql://shop:{password}@127.0.0.1/shop"}
    talk = Service(name="talk", command=("python", "-c", TALK), ready="started", env=given)
    front = shop("front", env={"OWN_TOKEN": "pass-word-7"})
    link = Link(source=CLIENT, target="front", protocol="http")
    with started(System(name="toy", services=(talk, front), links=(link,))) as live:
        live.ready()
        (tap,) = (one.url for one in live.status().links)
        httpx.get(f"{tap}/things/pass-word-7", timeout=5)
        eventually(lambda: [e.op for e in seen(live) if isinstance(e, Flow)] == ["GET /things/…"])
        eventually(lambda: sum(isinstance(e, Log) and e.source == "talk" for e in seen(live)) == 3)
        told = live.record.journal.read_text() + str(live.process("talk").tail)
        for secret in (key, json.dumps(key)[1:-1], password, "pass-word-7"):
            assert secret not in told
        assert "postgresql://shop:…@127.0.0.1/shop" in told
