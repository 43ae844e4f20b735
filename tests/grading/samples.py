"""Reports as a grading of real exercises leaves them, for the tests of what shows them."""

# ruff: noqa: E501  (texts of a report, one a line)

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.grading.model import Figure, Finding, Line, Measured, Report, WrongService
from lab.journal.event import Event, Flow, Log, Process
from lab.wire.redis.commands import ROLES
from tests.stamped import fault_change, stamped


class Tape:
    """A journal in memory: each call adds one event at `t`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, t: float, event: Event) -> None:
        event.seq, event.t = len(self.events) + 1, t
        self.events.append(event)

    def http(
        self, t: float, link: str, op: str, status: str, correlation: str = "", ms: float = 4.0, **more: Any
    ) -> None:
        source, target = link.split("->")
        outcome = more.pop("outcome", "error" if status >= "500" else "ok")
        self.add(
            t,
            Flow(
                source=source, target=target, link=link, protocol="http", op=op, status=status, ms=ms,
                correlation=correlation, outcome=outcome, **more,
            ),
        )  # fmt: skip

    def amqp(self, t: float, who: str, op: str, message: str, **more: Any) -> None:
        link = f"{who}->amqp"
        flow = Flow(source=who, target="amqp", link=link, protocol="amqp", op=op, message=message, **more)
        self.add(t, stamped(flow))

    def redis(self, t: float, who: str, op: str, status: str, **more: Any) -> None:
        name, _, key = op.partition(" ")
        role = ROLES.get(name, "call")
        self.add(
            t, Flow(source=who, target="redis", link=f"{who}->redis", protocol="redis", role=role, op=op, status=status, key=key, **more)
        )  # fmt: skip

    def log(self, t: float, who: str, message: str, level: str = "info", **more: Any) -> None:
        self.add(t, Log(source=who, message=message, level=level, **more))

    def breaker(self, t: float, who: str, name: str, state: str) -> None:
        self.log(t, who, f"breaker {name} {state}", event="breaker", data={"name": name, "state": state})

    def process(self, t: float, who: str, state: str, reason: str = "", **more: Any) -> None:
        self.add(t, Process(source=who, state=state, reason=reason, **more))

    def fault(self, t: float, ident: str, text: str, change: str = "added") -> None:
        self.add(t, fault_change(text, id=ident, change=change))


def charged_twice() -> Tape:
    """An order is charged, its ack is lost, and the same message is delivered and charged again."""
    tape = Tape()
    order, event = "o-17", "4f0c2f6e-9d53-4a37-8a56-0d6c1a2b3c4d"
    what = {"correlation": "check-17", "routing_key": "order.created", "queue": "payments.order-created"}
    tape.process(0.40, "payments", "starting")
    tape.process(0.75, "payments", "ready")
    tape.log(0.76, "payments", "consuming payments.order-created")
    tape.amqp(0.80, "check", "publish order.created", event, correlation="check-17", routing_key="order.created")
    tape.amqp(0.801, "check", "confirm", event, correlation="check-17", status="confirmed")
    tape.amqp(0.82, "payments", "deliver payments.order-created", event, **what)
    tape.http(0.84, "payments->payment", "POST /charges", "201", "check-17")
    tape.log(
        0.85, "payments", f"{order} charged", event="state", correlation="check-17",
        data={"entity": "order", "id": order, "state": "charged"},
    )  # fmt: skip
    tape.fault(0.86, "f1", "lose-ack payments->amqp x1")
    tape.amqp(0.87, "payments", "ack", event, outcome="lost", faults=("f1",), **what)
    tape.log(1.20, "payments", "connection closed by the broker", level="warning")
    tape.amqp(1.90, "payments", "deliver payments.order-created", event, redelivered=True, **what)
    tape.http(1.92, "payments->payment", "POST /charges", "201", "check-17")
    tape.amqp(1.93, "payments", "ack", event, status="acked", **what)
    return tape


def flooded() -> Tape:
    """A breaker opens, and when its time is over lets everything through at once."""
    tape = Tape()
    tape.breaker(0.1, "gateway", "users", "closed")
    for number in range(5):
        t = 0.2 + number * 0.02
        tape.http(t, "gateway->users", "GET /users/7", "500", f"a-{number}")
        tape.http(t + 0.002, "client->gateway", "GET /order-view/7", "200", f"a-{number}", ms=6.0)
    tape.breaker(0.31, "gateway", "users", "open")
    for number in range(20):
        tape.http(2.5 + number * 0.01, "gateway->users", "GET /users/7", "500", f"b-{number}", ms=400.0)
        tape.http(2.505 + number * 0.01, "client->gateway", "GET /order-view/7", "200", f"b-{number}", ms=406.0)
    tape.breaker(2.95, "gateway", "users", "open")
    return tape


STORY_OF_A_DOUBLE_CHARGE = (
    Line(t=0.80, lane="wire", who="check", to="amqp", what="publish order.created 4f0c2f6e…", result="confirmed"),
    Line(t=0.82, lane="wire", who="amqp", to="payments", what="deliver order.created 4f0c2f6e…"),
    Line(t=0.836, lane="wire", who="payments", to="payment", what="POST /charges", result="201"),
    Line(t=0.85, lane="log", who="payments", what="order o-17 is charged", place="payments.log:2"),
    Line(t=0.86, lane="fault", who="f1", to="payments->amqp", what="lose-ack payments->amqp x1", result="added"),
    Line(t=0.87, lane="wire", who="payments", to="amqp", what="ack 4f0c2f6e…", result="[f1]", mark="lost"),
    Line(t=1.20, lane="log", who="payments", what="connection closed by the broker", result="warning", place="payments.log:3"),
    Line(t=1.90, lane="wire", who="amqp", to="payments", what="deliver order.created 4f0c2f6e…", result="acked", mark="redelivered"),
    Line(t=1.916, lane="wire", who="payments", to="payment", what="POST /charges", result="201", mark="here"),
)  # fmt: skip

STORY_OF_A_FLOOD = (
    Line(t=0.31, lane="log", who="gateway", what="breaker users is open", place="gateway.log:2"),
    Line(t=2.099, lane="wire", who="client", to="gateway", what="GET /order-view/7", result="200 (406 ms)"),
    Line(t=2.10, lane="wire", who="gateway", to="users", what="GET /users/7", result="500 (400 ms)"),
    Line(t=2.109, lane="wire", who="client", to="gateway", what="GET /order-view/7", result="200", more=19),
    Line(t=2.11, lane="wire", who="gateway", to="users", what="GET /users/7", result="500", more=19),
    Line(t=2.95, lane="log", who="gateway", what="breaker users is open", place="gateway.log:3"),
)

LOST_MEMORY = WrongService(
    name="in-memory-set",
    fails="C3",
    codes=("charged-twice",),
    title={"en": "Handled messages are remembered in memory", "uz": "Ko‘rilgan xabarlar xotirada saqlanadi"},
    text={
        "en": "A set in memory is gone after a restart.",
        "uz": "Xotiradagi to‘plam qayta ishga tushganda yo‘qoladi.",
    },
)
NO_DEDUP = WrongService(
    name="no-dedup",
    fails="C3",
    codes=("charged-twice", "not-idempotent"),
    title={"en": "No memory of handled messages", "uz": "Ko‘rilgan xabarlar eslab qolinmaydi"},
    text={"en": "The broker delivers at least once.", "uz": "Broker kamida bir marta yetkazadi."},
    seen_in="https://github.com/dotnet/eShop",
)
FLOOD = WrongService(
    name="half-open-flood",
    fails="C4",
    codes=("half-open-flood",),
    title={"en": "Half-open lets everybody through", "uz": "Yarim ochiq holat hammani o‘tkazib yuboradi"},
    text={"en": "Half-open is a probe, not an opening.", "uz": "Yarim ochiq holat — sinov, ochilish emas."},
)


def _says(en: str, uz: str) -> dict[str, str]:
    return {"en": en, "uz": uz}


CONSUMER = Report(
    exercise="day3.3",
    title=_says("Idempotent consumer", "Idempotent iste’molchi"),
    seed=81,
    started_at="2026-11-22T14:03:07+00:00",
    seconds=17.42,
    run="0042-day3.3",
    tiers={"amqp": "embedded", "redis": "redis-server 7"},
    findings=(
        Finding(
            behaviour="C1", gold=False, verdict="pass", seconds=1.81,
            says=_says("The same event five times over has one effect.", "Bitta hodisa besh marta kelsa ham, natija bitta bo‘ladi."),
        ),
        Finding(
            behaviour="C3", gold=False, verdict="fail", seconds=3.2,
            says=_says(
                "The broker delivers an event twice, and the order is charged once, also across a restart.",
                "Broker hodisani ikki marta yetkazadi, buyurtma uchun pul esa bir marta yechiladi — qayta ishga tushgandan keyin ham.",
            ),
            expected="order o-17 is charged 1 time",
            got="2 charges: pay-0031 (t+0.84 s), pay-0032 (t+1.92 s)",
            code="charged-twice",
            story=STORY_OF_A_DOUBLE_CHARGE,
            why=_says(
                "At-least-once delivery is a promise to deliver again. Whoever forgets what was done takes the customer's money twice.",
                "“Kamida bir marta” degani — xabar yana kelishi mumkin degani. Nima qilganini unutgan servis mijozdan pulni ikki marta oladi.",
            ),
            looks_like=("in-memory-set", "no-dedup"),
            read="day3#twice-under-one-key",
            command="curl -s http://127.0.0.1:40123/payments?order_id=o-17",
            warnings=("the second delivery came 1.03 s after the first",),
        ),
        Finding(
            behaviour="C4", gold=False, verdict="skipped", seconds=0.0,
            says=_says("A crash in the middle of the work leaves exactly one row.", "Ish o‘rtasida qulasa ham, aynan bitta qator qoladi."),
            reason="it needs C3, which does not hold", needs="C3",
        ),
        Finding(
            behaviour="C5", gold=False, verdict="fail", seconds=2.04,
            says=_says("A copy with another delivery tag is still the same event.", "Yetkazish belgisi boshqa bo‘lgan nusxa ham o‘sha hodisaning o‘zi."),
            expected="1 row for order o-23", got="2 rows for order o-23", code="charged-twice",
        ),
        Finding(
            behaviour="C6", gold=True, verdict="unknown", seconds=10.0,
            says=_says("Another event about the same order changes nothing.", "Shu buyurtma haqidagi boshqa hodisa hech narsani o‘zgartirmaydi."),
            reason="payments was not ready within 10 s:\n  GET /readyz -> 503 unready (amqp: connection refused)",
        ),
    ),
    not_proved=_says(
        "That the memory of handled events stays small after a million of them.",
        "Million hodisadan keyin ham ko‘rilganlar ro‘yxati kichik qolishi.",
    ),
    logs={"payments": "runs/0042-day3.3/payments.log"},
    misconceptions={one.name: one.title for one in (LOST_MEMORY, NO_DEDUP)},
    screens={
        "day3#twice-under-one-key": _says(
            "Exactly once is an effect, and one insert decides it", "Aniq bir marta – bu natija, uni bitta insert hal qiladi"
        )
    },
    lab="0.4.0",
)  # fmt: skip

BREAKER = Report(
    exercise="day5.3",
    title=_says("Circuit breaker", "Avtomatik uzgich (circuit breaker)"),
    seed=7,
    started_at="2026-11-22T14:10:00+00:00",
    seconds=9.8,
    run="0043-day5.3",
    findings=(
        Finding(
            behaviour="C1", gold=False, verdict="pass", seconds=0.41,
            says=_says("A 404 is an answer, not a failure: the breaker stays closed.", "404 — bu javob, nosozlik emas: uzgich yopiq qoladi."),
        ),
        Finding(
            behaviour="C4", gold=False, verdict="fail", seconds=3.02,
            says=_says("While half-open, only a few calls may probe the upstream.", "Yarim ochiq holatda faqat bir nechta sinov so‘rovi o‘tadi."),
            expected="1 to 5 of 20 calls reach users", got="20 of 20 calls reached users", code="half-open-flood",
            story=STORY_OF_A_FLOOD,
            why=_says(
                "A service that has just got up is knocked down again by everybody at once.",
                "Endigina o‘nglangan servisni hamma birdan yana yiqitadi.",
            ),
            looks_like=("half-open-flood",),
            read="day5#half-open-probes",
        ),
        Finding(
            behaviour="C10", gold=True, verdict="pass", seconds=4.1,
            says=_says("The metric shows closed, open, half-open, closed.", "Metrika yopiq, ochiq, yarim ochiq, yopiq holatlarni ko‘rsatadi."),
        ),
    ),
    not_proved=_says("That its limits suit your traffic.", "Chegaralari aynan sizning trafigingizga mosligi."),
    logs={"gateway": "runs/0043-day5.3/gateway.log"},
    misconceptions={FLOOD.name: FLOOD.title},
    screens={"day5#half-open-probes": _says("Time proves nothing, one probe does", "Vaqt hech narsani isbotlamaydi")},
    lab="0.4.0",
)  # fmt: skip

PASSED = Report(
    exercise="day5.3",
    title=BREAKER.title,
    seed=7,
    started_at=BREAKER.started_at,
    seconds=8.1,
    run="0044-day5.3",
    findings=tuple(
        Finding(behaviour=one.behaviour, gold=one.gold, verdict="pass", seconds=one.seconds, says=one.says)
        for one in BREAKER.findings
    ),
    not_proved=BREAKER.not_proved,
    lab="0.4.0",
)

MEASURED = replace(
    PASSED,
    figures=(
        Measured(
            figure=Figure(
                name="probes",
                says=_says("calls that reach dead users", "o‘lik users’ga yetgan chaqiruvlar"),
                better="lower",
                ours=7,
                against="recovery",
            ),
            value=9.0,
            best=8.0,
        ),
        Measured(
            figure=Figure(
                name="recovery",
                says=_says("time to the first good call", "birinchi yaxshi chaqiruvgacha"),
                better="lower",
                ours=0.4,
                unit="s",
            ),
            value=0.1234,
        ),
    ),
)

BROKEN = Report(
    exercise="day5.3",
    title=BREAKER.title,
    seed=7,
    started_at=BREAKER.started_at,
    seconds=1.0,
    findings=(
        Finding(
            behaviour="C1",
            gold=False,
            verdict="error",
            seconds=0.2,
            says=BREAKER.findings[0].says,
            reason="KeyError: 'users' (checks.py, line 41)",
        ),
    ),
    lab="0.4.0",
)
