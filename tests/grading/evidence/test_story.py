"""The story of a failure, told from events: what belongs to it, how it is shortened, and where it went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.grading.evidence.brevity import MOST
from lab.grading.evidence.logs import write_logs
from lab.grading.evidence.story import CHOSEN, story
from lab.grading.evidence.wording import tell
from lab.grading.model import Line
from lab.journal.event import Flow, from_line
from tests.grading.samples import STORY_OF_A_DOUBLE_CHARGE, STORY_OF_A_FLOOD, Tape, charged_twice, flooded

RECORDED = Path(__file__).with_name("recorded")


def whats(lines: Sequence[Line]) -> list[str]:
    return [line.what for line in lines]


def here(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if "here" in line.mark.split()]


def test_an_entity_brings_its_requests_messages_faults_and_logs() -> None:
    rounded = [round(line.t, 3) for line in story(charged_twice().events, ["o-17"], 1)]
    assert rounded == [line.t for line in STORY_OF_A_DOUBLE_CHARGE]
    told = story(charged_twice().events, ["o-17"], 1)
    assert whats(told) == whats(STORY_OF_A_DOUBLE_CHARGE)
    assert [line.mark for line in told] == [line.mark for line in STORY_OF_A_DOUBLE_CHARGE]
    assert [line.place for line in told] == [line.place for line in STORY_OF_A_DOUBLE_CHARGE]


def test_any_of_its_ids_tells_the_same_story() -> None:
    events = charged_twice().events
    assert story(events, ["check-17"], 1) == story(events, ["o-17"], 1)
    assert story(events, ["4f0c2f6e-9d53-4a37-8a56-0d6c1a2b3c4d"], 1) == story(events, ["o-17"], 1)


def test_the_effect_done_again_is_where_it_went_wrong() -> None:
    (line,) = here(story(charged_twice().events, ["o-17"], 1))
    assert (line.what, round(line.t, 3)) == ("POST /charges", 1.916)


def test_a_message_that_was_sent_twice_is_marked_where_it_comes_again() -> None:
    tape = Tape()
    for number, queue in enumerate(("payments.order-created", "mail.order-created", "payments.order-created")):
        what = {"correlation": "c-1", "routing_key": "order.created", "queue": queue}
        tape.amqp(1.0 + number, queue.partition(".")[0], f"deliver {queue}", "m-1", **what)
    assert [line.mark for line in story(tape.events, ["m-1"], 1)] == ["", "", "again here"]


def test_an_effect_done_again_after_a_refusal_is_not() -> None:
    tape = Tape()
    tape.http(1.0, "orders->payment", "POST /charges", "503", "c-1")
    tape.http(1.5, "orders->payment", "POST /charges", "201", "c-1")
    assert not here(story(tape.events, ["c-1"], 1))


def test_the_pauses_between_attempts_are_seen_where_there_is_room() -> None:
    tape = Tape()
    for at in (0.1, 0.5, 1.3, 2.9):
        tape.http(at, "gateway->users", "GET /users/u-81", "503", "r-1", ms=0.0)
    tape.http(3.0, "client->gateway", "GET /users/u-81", "503", "r-1")
    told = [(line.t, line.more) for line in story(tape.events, ["r-1"], 1) if line.to == "users"]
    assert told == [(0.1, 0), (0.5, 0), (1.3, 0), (2.9, 0)]


def test_of_many_alike_the_first_is_told_and_the_rest_are_counted() -> None:
    told = story(flooded().events, [f"b-{number}" for number in range(20)], 1)
    assert [(line.what, line.more) for line in told] == [(line.what, line.more) for line in STORY_OF_A_FLOOD]


def test_what_differs_only_by_an_id_is_alike() -> None:
    tape = Tape()
    for number in range(18):
        tape.http(1 + number / 100, "gateway->users", f"GET /users/{number}", "200", "c-1")
    told = story(tape.events, ["c-1"], 1)
    assert [(line.what, line.more) for line in told] == [("GET /users/0", 0), ("GET /users/*", 17)]


def test_only_this_check_is_told_but_logs_are_counted_from_the_beginning() -> None:
    tape = Tape()
    tape.log(0.1, "orders", "an error of an earlier check", level="error", correlation="c-1")
    tape.http(0.2, "client->orders", "POST /orders", "500", "c-1")
    since = len(tape.events) + 1
    tape.http(1.0, "client->orders", "POST /orders", "500", "c-1")
    tape.log(1.1, "orders", "boom", level="error", correlation="c-1")
    told = story(tape.events, ["c-1"], since)
    assert whats(told) == ["POST /orders", "boom"]
    assert told[1].place == "orders.log:2"
    assert here(told) == [told[0]]  # the only 5xx to the outside


def test_a_fault_from_before_the_check_is_told_if_it_still_stands() -> None:
    tape = Tape()
    tape.fault(0.1, "f1", "latency gateway->users 2s")
    tape.fault(0.2, "f2", "refuse gateway->reco")
    tape.fault(0.3, "f2", "refuse gateway->reco", "healed")
    since = len(tape.events) + 1
    tape.http(3.0, "gateway->users", "GET /users/7", "200", "c-1", ms=2004.0, outcome="late", faults=("f1",))
    tape.http(3.1, "client->gateway", "GET /order-view/7", "200", "c-1", ms=2110.0)
    told = story(tape.events, ["c-1"], since)
    assert [(line.lane, line.who, line.result) for line in told] == [
        ("fault", "f1", "added"),
        ("wire", "client", "200 (2.1 s)"),
        ("wire", "gateway", "200 (2.0 s) [f1]"),
    ]
    assert told[2].mark == "late"


def test_a_process_that_fell_and_rose_is_told_but_not_its_first_start() -> None:
    tape = Tape()
    tape.process(0.1, "orders", "starting")
    tape.process(0.4, "orders", "ready")
    tape.http(1.0, "client->orders", "POST /orders", "closed", "c-1", outcome="lost")
    tape.process(1.01, "orders", "failed", "killed by SIGKILL")
    tape.process(1.2, "orders", "starting")
    tape.process(1.3, "orders", "ready")
    told = story(tape.events, ["c-1"], 1)
    assert [(line.lane, line.what) for line in told] == [
        ("wire", "POST /orders"),
        ("process", "failed"),
        ("process", "ready"),
    ]
    assert told[1].result == "killed by SIGKILL"
    assert here(told) == [told[0]]


def test_a_process_that_ended_itself_is_where_it_went_wrong() -> None:
    tape = Tape()
    tape.log(0.9, "orders", '"GET /readyz HTTP/1.1" 200', level="warning")
    tape.http(1.0, "client->orders", "POST /orders", "closed", "c-1", outcome="lost")
    tape.process(1.01, "orders", "failed", "exited with code 7", code=7)
    told = story(tape.events, ["c-1"], 1)
    assert whats(told) == ["POST /orders", "failed"]
    assert here(told) == [told[1]]


def test_redis_commands_and_refused_connects_belong_to_the_request_they_were_made_for() -> None:
    tape = Tape()
    tape.redis(0.5, "orders", "GET user:7", "miss")  # before
    tape.redis(1.01, "orders", "GET user:9", "hit", hit=True)
    tape.add(1.02, _refused("orders", "redis"))
    tape.http(1.1, "client->orders", "GET /orders/9", "200", "c-1", ms=120.0)
    told = story(tape.events, ["c-1"], 1)
    assert whats(told) == ["GET /orders/9", "GET user:9", "connect"]
    assert told[2].mark == "refused here"


def test_a_key_names_its_entity() -> None:
    tape = Tape()
    tape.redis(1.0, "users", "SET user:7", "OK")
    tape.redis(1.1, "users", "SET user:8", "OK")
    assert whats(story(tape.events, ["7"], 1)) == ["SET user:7"]


def test_without_ids_it_is_told_what_went_over_the_links_under_a_fault() -> None:
    tape = Tape()
    tape.http(1.0, "client->gateway", "GET /healthz", "200")
    tape.fault(1.1, "f1", "status gateway->users 503")
    tape.http(1.2, "gateway->users", "GET /users/7", "503", faults=("f1",))
    tape.http(1.3, "gateway->reco", "GET /recommendations/7", "200")
    told = story(tape.events, [], 1)
    assert whats(told) == ["status gateway->users 503", "GET /users/7"]


def test_without_ids_it_ends_with_what_became_of_the_processes() -> None:
    tape = Tape()
    tape.process(0.1, "amqp", "ready")
    tape.amqp(1.0, "orders", "publish order.created", "m-1")
    tape.process(3.0, "amqp", "stopping", "restart")
    tape.process(3.3, "amqp", "starting")
    tape.process(3.5, "amqp", "ready")
    assert whats(story(tape.events, [], 1)) == ["publish order.created m-1", "stopping", "ready"]
    assert whats(story(tape.events, ["m-1"], 1)) == ["publish order.created m-1"]


def test_a_story_is_never_long() -> None:
    tape = Tape()
    for number in range(60):
        link = f"{'abcdefgh'[number % 8]}->{'ijklmnop'[number % 7]}"
        tape.http(1 + number / 10, link, f"GET /{'x' * number}", "200", "c-1")
    tape.log(4.0, "a", "out of memory", level="error", correlation="c-1")
    told = story(tape.events, ["c-1"], 1)
    assert len(told) <= MOST
    assert "out of memory" in whats(told)
    assert sum(line.more or 1 for line in told) == 61


def test_a_storm_is_counted_in_full() -> None:
    tape = Tape()
    for number in range(5000):
        tape.http(1 + number / 1000, "gateway->users", "GET /users/7", "503", "c-1")
    told = story(tape.events, ["c-1"], 1)
    assert [line.what for line in told] == ["", "GET /users/7", "GET /users/7"]
    assert sum(line.more or 1 for line in told) == 5000


def test_what_is_left_out_is_counted_where_it_was_and_is_never_the_point() -> None:
    tape = Tape()
    tape.fault(0.5, "f1", "refuse catalog->redis")
    for number in range(CHOSEN + 5):
        tape.http(1 + number / 1000, "client->catalog", "GET /products/7", "200", "c-1")
    told = story(tape.events, ["c-1"], 1)
    assert [(line.what, line.more) for line in told] == [
        ("refuse catalog->redis", 0), ("", 5), ("GET /products/7", 0), ("GET /products/7", CHOSEN - 1),
    ]  # fmt: skip
    assert not here(told)


def test_a_greeting_of_redis_is_told_only_if_it_went_wrong() -> None:
    tape = Tape()
    tape.http(1.0, "client->catalog", "GET /products/7", "200", "c-1", ms=90.0)
    tape.redis(0.95, "catalog", "CLIENT SETINFO", "OK")
    tape.redis(0.96, "catalog", "PING", "", outcome="lost")
    tape.redis(0.97, "catalog", "GET product:7", "OK")
    assert whats(story(tape.events, ["c-1"], 1)) == ["GET /products/7", "PING", "GET product:7"]


def test_nothing_happened_nothing_told() -> None:
    assert story([], ["o-1"], 1) == ()


def test_a_traceback_is_told_by_its_last_line() -> None:
    tape = Tape()
    tape.http(1.0, "client->orders", "POST /orders", "500", "c-1")
    tape.log(1.01, "orders", "Traceback (most recent call last):", level="error", stream="stderr")
    tape.log(1.01, "orders", '  File "app.py", line 4, in create', stream="stderr")
    tape.log(1.02, "orders", "KeyError: 'amount'", level="error", stream="stderr")
    told = story(tape.events, ["c-1"], 1)
    assert whats(told) == ["POST /orders", "KeyError: 'amount'"]
    assert told[1].place == "orders.log:3"


def test_a_recorded_run_in_which_the_payment_provider_was_down() -> None:
    events = [from_line(line) for line in (RECORDED / "payment-provider-down.ndjson").read_bytes().splitlines()]
    told = story(events, ["load-44"], 1)
    assert len(told) <= MOST
    assert told[0].what == "status payments->provider 503 for 12s"
    assert any(line.who == "payments" and line.what == "POST /charges" and line.result == "503 [f1]" for line in told)
    assert any(line.more and line.what == "POST /charges" for line in told)
    assert any(line.lane == "log" and line.what.endswith(" is confirmed") for line in told)
    assert not here(told)


def test_the_places_are_lines_of_the_logs_written(tmp_path: Path) -> None:
    tape = charged_twice()
    tape.log(2.0, "orders", "two\nlines", level="error", data={"exc": "Traceback\n  File"})
    files = write_logs(tape.events, tmp_path)
    assert sorted(files) == ["orders", "payments"]
    for line in story(tape.events, ["o-17"], 1):
        if line.place:
            service, _, number = line.place.rpartition(".log:")
            text = files[service].read_text(encoding="utf-8").splitlines()[int(number) - 1]
            assert line.what in text or '"o-17"' in text
    assert len(files["orders"].read_text(encoding="utf-8").splitlines()) == 1


def _refused(source: str, target: str) -> Flow:
    link = f"{source}->{target}"
    return Flow(
        source=source,
        target=target,
        link=link,
        role="connection",
        op="connect",
        status="refused",
        outcome="refused",
        ms=0.0,
    )


@pytest.mark.parametrize(("asked", "decisive"), [(False, ["failed"]), (True, [])])
def test_a_kill_of_the_labs_own_is_no_fault(asked: bool, decisive: list[str]) -> None:
    tape = Tape()
    tape.http(1.0, "client->shop", "POST /users", "201", "r-1")
    tape.process(1.2, "shop", "failed", "killed by SIGKILL", asked=asked, code=-9)
    tape.http(1.3, "client->shop", "GET /users/1", "404", "r-1")
    assert [line.what for line in story(tape.events, ["r-1"], 1) if "here" in line.mark] == decisive


def test_of_the_labs_own_kills_before_a_story_only_the_last_is_told() -> None:
    tape = Tape()
    for start in (0.0, 3.0, 6.0):
        tape.process(start + 0.5, "shop", "failed", "killed by SIGKILL", asked=True, code=-9)
        tape.process(start + 1.0, "shop", "ready")
    tape.http(12.0, "client->shop", "POST /users", "500", "r-1")
    told = story(tape.events, ["r-1"], 1)
    assert [(line.lane, line.what) for line in told if line.lane == "process"] == [("process", "failed")]
    assert told[0].t == 6.5


def test_a_story_after_which_nothing_came_reaches_the_kill_of_who_should_have_gone_on() -> None:
    tape = Tape()
    tape.fault(0.5, "f1", "refuse orders->amqp")
    tape.http(1.0, "client->orders", "POST /orders", "201", "r-1")
    tape.log(1.1, "orders", "no broker", level="error", correlation="r-1")
    tape.process(4.0, "orders", "failed", "killed by SIGKILL (by hand)", asked=True)
    tape.fault(4.1, "f1", "refuse orders->amqp", "healed")
    tape.process(4.5, "orders", "ready")
    told = story(tape.events, ["r-1"], 1)
    assert [(line.lane, line.what) for line in told][-3:] == [
        ("process", "failed"), ("fault", "refuse orders->amqp"), ("process", "ready"),
    ]  # fmt: skip


@pytest.mark.parametrize("result", ["WRONGTYPE", "reset", "poisoned", "channel closed"])
def test_an_answer_that_is_an_error_is_not_green_whatever_it_is_called(result: str) -> None:
    tape = Tape()
    tape.http(1.0, "orders->users", "GET /users/u-1", result, "c-1", outcome="error")
    (line,) = story(tape.events, ["c-1"], 1)
    assert [tone for piece, tone in tell(line, "en") if result in piece] == ["bad"]
    assert "ERROR" not in "".join(piece for piece, _ in tell(line, "en"))
