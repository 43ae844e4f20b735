"""What must start quickly: a service from the fork server, and the command itself.

    python -m benchmarks.start [--rounds 7]

Each round starts the same service once as `python -m` and once from a warm fork server, and ends it. The best and the
median of each way are printed, with the memory that is the process' own (not shared with the fork server or another
process), which is what one more service costs. Then `lab --help` in each language beside a bare Typer program, in turn:
it may take 1.3 times as long.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lab.locale import LANGUAGES, VARIABLE
from lab.runtime.preload import groups
from lab.runtime.spawn import ForkClient, Program
from lab.runtime.warmup import ForkServerProcess, fork_off
from tests.brokers import free_port

SERVICE = """
import os

import httpx
import pika
import redis
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class NewOrder(BaseModel):
    amount: int


engine = create_engine("sqlite:///orders.db")
Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/orders")
def create(order: NewOrder) -> NewOrder:
    return order


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
"""


BARE = """
import typer

app = typer.Typer()
app.command("a")(lambda: None)
app.command("b")(lambda: None)
app(["--help"])
"""
HELPS = 3
"""Starts of each command a round; they are short."""


@dataclass
class Series:
    title: str
    seconds: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """MiB."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    began = time.perf_counter()
    server = fork_off(groups(), None)  # first: whatever it forks comes out here, too
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder), server, began, rounds))
    helped(rounds * HELPS)


async def compare(folder: Path, server: ForkServerProcess, began: float, rounds: int) -> None:
    """Measure and print the table."""
    (folder / "orders_service.py").write_text(SERVICE)
    forks = ForkClient(server, lambda: None)
    await forks.warm
    warm = time.perf_counter() - began
    plain, forked = Series("python -m (plain)"), Series("warm fork server")
    for _ in range(rounds):
        _plain_start(folder, plain)
        await _forked_start(folder, forks, forked)
    size = _own(forks.pid)
    await forks.close()

    print(f"{'start of a service':<20} {'best':>9} {'median':>9} {'own memory':>11}")
    for series in (plain, forked):
        best, median = min(series.seconds) * 1000, statistics.median(series.seconds) * 1000
        own = statistics.median(series.own)
        print(f"{series.title:<20} {best:>6.0f} ms {median:>6.0f} ms {own:>7.1f} MiB")
    print(f"the fork server itself: warm after {warm:.1f} s, {size:.0f} MiB")


def helped(rounds: int) -> None:
    """Measure and print how long help takes in each language, and how many times as long as a bare program's."""
    bare = Series("a bare Typer program")
    series = {language: Series(f"lab --help, {language}") for language in LANGUAGES}
    for _ in range(rounds):
        bare.seconds.append(_help(["-c", BARE], LANGUAGES[0]))
        for language, each in series.items():
            each.seconds.append(_help(["-m", "lab", "--help"], language))
    for each in (bare, *series.values()):
        best, median = min(each.seconds), statistics.median(each.seconds)
        times = f"{best / min(bare.seconds):.2f} x, {median / statistics.median(bare.seconds):.2f} x"
        print(f"{each.title:<20} {best * 1000:>6.0f} ms {median * 1000:>6.0f} ms   {times}")


def _help(words: list[str], language: str) -> float:
    began = time.perf_counter()
    env = {**os.environ, VARIABLE: language}
    subprocess.run([sys.executable, *words], env=env, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _plain_start(folder: Path, series: Series) -> None:
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "orders_service"], cwd=folder, env={**os.environ, "PORT": str(port)}
    )
    try:
        _await_port(port)
        series.seconds.append(time.perf_counter() - began)
        series.own.append(_own(process.pid))
    finally:
        process.kill()
        process.wait()


async def _forked_start(folder: Path, forks: ForkClient, series: Series) -> None:
    port = free_port()
    env = {**os.environ, "PORT": str(port)}
    began = time.perf_counter()
    child = await forks.spawn(Program(module="orders_service", env=env, cwd=str(folder), path=[str(folder)]))
    try:
        _await_port(port)
        series.seconds.append(time.perf_counter() - began)
        series.own.append(_own(child.pid))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        await child.exited
        os.close(child.stdout)
        os.close(child.stderr)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.001)
    raise TimeoutError(f"port {port} did not open")


def _own(pid: int) -> float:
    """MiB that no other process shares."""
    return float(psutil.Process(pid).memory_full_info().uss) / 1024**2


if __name__ == "__main__":
    main()
