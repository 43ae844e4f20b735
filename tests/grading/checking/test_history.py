"""Recording what clients did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from lab.grading.checking.history import History, Operation
from lab.grading.instruments.http import Answer, Outcome


def answered(status: int | None, json: object = None) -> Answer:
    outcome: Outcome = "unknown" if status is None else "ok" if status < 300 else "failed"
    return Answer(
        method="GET", url="", path="/", request_id=f"r-{status}", seconds=0, status=status, outcome=outcome, json=json
    )


def test_a_call_is_written_down_with_its_outcome_and_time() -> None:
    ticks = count(1)
    history = History(clock=lambda: float(next(ticks)))
    answer = history.do("o-1", lambda: answered(201), value=7, what="POST /orders", by="c1")
    assert answer.status == 201
    history.do("o-2", lambda: answered(None))
    history.do("o-2", lambda: answered(503))
    first, timeout, refused = history.operations
    assert first == Operation(
        key="o-1", outcome="ok", value=7, what="POST /orders", by="c1", id="r-201", began=1.0, ended=2.0
    )
    assert (timeout.outcome, refused.outcome) == ("unknown", "failed")
    assert (history.keys(), history.keys("ok"), history.keys("unknown", "failed")) == (["o-1", "o-2"], ["o-1"], ["o-2"])


def test_what_was_read_comes_from_an_answer_that_was_ok() -> None:
    history = History()
    for status in (200, 500):
        history.do("o-1", lambda status=status: answered(status, {"v": 3}), read=lambda got: got.json["v"])  # type: ignore[misc]
    assert [read.value for read in history.operations] == [3, None]


def test_an_unknown_operation_is_over_for_nobody() -> None:
    early = Operation(key="k", began=1, ended=2)
    late = Operation(key="k", began=3, ended=4)
    assert early.before(late)
    assert not late.before(early)
    assert not Operation(key="k", outcome="unknown", began=1, ended=2).before(late)
    assert not early.before(Operation(key="k", began=1.5, ended=4))


def test_many_threads_may_record_at_once() -> None:
    history = History()
    with ThreadPoolExecutor(16) as pool:
        for n in range(400):
            pool.submit(history.do, f"k-{n}", lambda: answered(200))
    assert sorted(history.keys()) == sorted(f"k-{n}" for n in range(400))
