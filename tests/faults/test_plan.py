from __future__ import annotations

import pytest

from lab.faults.plan import Plan
from lab.faults.text import FaultError, parse
from lab.journal.event import FaultChange

LINK = "orders->payments"


def plan_with(*texts: str, seed: int = 1) -> tuple[Plan, list[FaultChange]]:
    changes: list[FaultChange] = []
    plan = Plan(seed, changes.append)
    for text in texts:
        plan.add(parse(text), 0.0)
    return plan, changes


def test_a_fault_gets_an_id_and_is_told() -> None:
    plan, changes = plan_with("latency orders->payments 1s", "kill broker")
    assert [standing.fault.id for standing in plan.status(0.0)] == ["f1", "f2"]
    assert [(c.id, c.change, c.text) for c in changes] == [
        ("f1", "added", "latency orders->payments 1s for 30s"),
        ("f2", "added", "kill broker"),
    ]
    assert (changes[0].link, changes[0].source, changes[0].target) == (LINK, "orders", "payments")
    assert (changes[1].link, changes[1].target) == ("", "broker")


def test_a_change_says_which_fault_it_is_and_where_as_data() -> None:
    _, changes = plan_with("latency orders->payments 1s", "partition orders<->payments", "kill broker")
    assert [(change.fault, change.aim, change.links) for change in changes] == [
        ("latency", LINK, (LINK,)),
        ("partition", "orders<->payments", (LINK, "payments->orders")),
        ("kill", "broker", ()),
    ]
    link, pair, process = changes
    assert link.concerns({"orders"}, set())
    assert link.concerns({"mail"}, {LINK})
    assert not link.concerns({"payments"}, {"users->payments"})
    assert pair.concerns({"orders", "payments"}, set())
    assert not pair.concerns({"orders", "users"}, set())
    assert process.concerns({"broker"}, set())


def test_only_its_link_kind_and_pattern_are_hit() -> None:
    plan, _ = plan_with('reset orders->payments on "POST *"')
    assert plan.strike(LINK, ("reset",), "POST /charges", 1.0) is not None
    assert plan.strike(LINK, ("reset",), "GET /charges", 1.0) is None
    assert plan.strike(LINK, ("latency",), "POST /charges", 1.0) is None
    assert plan.strike("orders->users", ("reset",), "POST /charges", 1.0) is None
    assert plan.victims("f1") == 1


def test_a_pattern_of_one_word_may_mean_the_verb() -> None:
    plan, _ = plan_with('reset orders->payments on "GET"')
    assert plan.strike(LINK, ("reset",), "POST /charges", 1.0) is None
    assert plan.strike(LINK, ("reset",), "GETEX /charges", 1.0) is None
    assert plan.strike(LINK, ("reset",), "GET /charges", 1.0) is not None


def test_a_kind_may_be_asked_for_with_its_value() -> None:
    plan, _ = plan_with("error orders->payments OOM")
    assert plan.strike(LINK, ("error LOADING",), "GET x", 1.0) is None
    assert plan.strike(LINK, ("error OOM",), "SET x", 1.0) is not None


def test_a_fault_on_the_whole_link_is_not_for_messages() -> None:
    plan, _ = plan_with("latency orders->payments")
    assert plan.strike(LINK, ("latency",), "GET /", 1.0) is None
    assert [fault.id for fault in plan.active(LINK)] == ["f1"]


def test_a_count_ends_it() -> None:
    plan, changes = plan_with("duplicate orders->payments x2")
    hits = [plan.strike(LINK, ("duplicate",), "POST /", 1.0) for _ in range(4)]
    assert [hit is not None for hit in hits] == [True, True, False, False]
    assert [c.change for c in changes] == ["added", "hit", "hit", "expired"]
    assert [c.victims for c in changes] == [0, 1, 2, 2]
    assert plan.spent("f1")
    assert plan.active(LINK) == []


def test_a_lasting_fault_outlives_its_count_until_it_heals() -> None:
    plan, _ = plan_with("blackhole orders->payments x1")
    assert plan.strike(LINK, ("blackhole",), "GET /", 1.0) is not None
    assert plan.strike(LINK, ("blackhole",), "GET /", 1.0) is None
    assert len(plan.active(LINK)) == 1
    assert len(plan.heal("f1", 2.0)) == 1
    assert not plan.spent("f1")


def test_time_ends_it_also_before_anybody_looks() -> None:
    plan, changes = plan_with("status orders->payments for 5s")
    assert plan.strike(LINK, ("status",), "GET /", 4.9) is not None
    assert plan.strike(LINK, ("status",), "GET /", 5.0) is None
    assert plan.status(2.0)[0].remaining == 3.0
    assert plan.expire(4.0) == []
    assert [fault.id for fault in plan.expire(5.0)] == ["f1"]
    assert changes[-1].change == "expired"
    assert plan.victims("f1") == 1


def test_healing_one_and_all() -> None:
    plan, changes = plan_with("latency orders->payments", "refuse orders->users", "kill broker")
    told: list[str] = []
    plan.watch(LINK, lambda: told.append(LINK))
    plan.watch("orders->users", lambda: told.append("orders->users"))
    assert [fault.id for fault in plan.heal("f2", 1.0)] == ["f2"]
    assert told == ["orders->users"]
    assert plan.heal("f2", 1.0) == []
    assert told == ["orders->users"]
    assert [fault.id for fault in plan.heal(None, 1.0)] == ["f1", "f3"]
    assert told == ["orders->users", LINK]
    assert [c.change for c in changes][-3:] == ["healed"] * 3
    plan.add(parse("partition orders<->payments"), 2.0)
    assert told == ["orders->users", LINK, LINK]


def test_a_partition_is_on_the_links_between_the_two_both_ways() -> None:
    plan, changes = plan_with("partition orders<->payments")
    assert [fault.id for fault in plan.active("orders->payments:grpc")] == ["f1"]
    assert plan.active("orders->payments") == plan.active("payments->orders") != []
    assert plan.active("orders->users") == []
    assert (changes[0].source, changes[0].target) == ("orders", "payments")


def test_a_share_is_drawn_from_the_seed_and_from_no_other_links_traffic() -> None:
    def pattern(seed: int, noise: bool) -> list[bool]:
        plan, _ = plan_with("reset orders->payments 30%", "reset orders->users 30%", seed=seed)
        drawn = []
        for _ in range(200):
            if noise:
                plan.strike("orders->users", ("reset",), "GET /", 1.0)
            drawn.append(plan.strike(LINK, ("reset",), "GET /", 1.0) is not None)
        return drawn

    assert pattern(1, False) == pattern(1, True)
    assert pattern(1, False) != pattern(2, False)
    assert 30 < sum(pattern(1, False)) < 90


def test_the_same_seed_strikes_the_same_messages_whenever_they_come() -> None:
    def struck(seed: int, pace: float) -> list[tuple[int, str, object]]:
        plan, _ = plan_with("error orders->payments 30%", "latency orders->payments 1s jitter=1s 20%", seed=seed)
        hits = ((number, plan.strike(LINK, ("error", "latency"), "GET x", number * pace)) for number in range(300))
        return [(number, fault.id, fault.params.get("delay")) for number, fault in hits if fault]

    first = struck(7, pace=0.001)
    assert first == struck(7, pace=0.09)
    assert first != struck(8, pace=0.001)
    assert {ident for _, ident, _ in first} == {"f1", "f2"}


def test_jitter_is_drawn_for_each_message() -> None:
    plan, _ = plan_with('latency orders->payments 100ms jitter=50ms on "*"')
    struck = [plan.strike(LINK, ("latency",), "GET /", 1.0) for _ in range(50)]
    delays = {float(fault.params["delay"]) for fault in struck if fault}
    assert len(delays) > 40
    assert 0.05 <= min(delays) < max(delays) <= 0.15


def test_hits_on_a_whole_link_are_counted_all_and_told_now_and_then() -> None:
    plan, changes = plan_with("latency orders->payments")
    for place in range(1000):
        plan.hit("f1", LINK, place / 1000, op="GET /")
    assert plan.victims("f1") == 1000
    assert 3 <= sum(change.change == "hit" for change in changes) <= 5


def test_the_end_says_what_was_hit_and_which_victims_count() -> None:
    plan, changes = plan_with("latency orders->payments", "refuse orders->payments", "connect-hang orders->users")
    plan.hit("f1", LINK, 1.0, op="GET /")
    plan.hit("f2", LINK, 1.0, victims=2, op="connection")
    plan.heal(None, 2.0)
    assert [c.detail for c in changes if c.change == "healed"] == ["1 victim", "2 cut connections", "0 cut connections"]


def test_processes() -> None:
    plan, _ = plan_with("freeze payments", "kill orders")
    assert [fault.kind for fault in plan.on_process("payments")] == ["freeze"]
    plan.done("f2")
    assert plan.on_process("orders") == []


def test_an_unknown_fault_is_refused() -> None:
    plan, _ = plan_with()
    with pytest.raises(FaultError):
        plan.add(parse("latency a->b").__class__(kind="nonsense", target="a->b"), 0.0)


def test_of_a_hidden_fault_nobody_hears_until_it_is_revealed() -> None:
    changes: list[FaultChange] = []
    plan = Plan(1, changes.append)
    fault = plan.add(parse("status orders->payments 503 x3"), 4.0, hidden=True)
    assert plan.strike(LINK, ("status",), "GET /", 5.0) == fault
    assert changes == []
    plan.reveal(fault.id)
    plan.reveal(fault.id)
    plan.strike(LINK, ("status",), "GET /", 6.0)
    assert [(c.change, c.since, c.victims) for c in changes] == [("added", 4.0, 1), ("hit", None, 2)]


def test_a_hidden_fault_is_told_at_the_latest_when_it_ends() -> None:
    changes: list[FaultChange] = []
    plan = Plan(1, changes.append)
    plan.add(parse("latency orders->payments 1s for 3s"), 4.0, hidden=True)
    plan.expire(7.0)
    assert [(c.change, c.since) for c in changes] == [("added", 4.0), ("expired", None)]
    assert not plan.hidden
