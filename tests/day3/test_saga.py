"""The saga from outside: real processes, real broker, and what its visitors and its neighbours see."""

from __future__ import annotations

import uuid

from tests.brokers import free_port
from tests.day3.shop import Shop
from tests.waiting import eventually


def test_an_order_is_charged_confirmed_and_mailed_once(shop: Shop) -> None:
    order = shop.order(shop.register())
    assert shop.settled(order) == ("confirmed", "")
    assert shop.mailed(order) == ["order_confirmed"]
    (charge,) = shop.charges(order)
    assert (charge["status"], charge["amount"], charge["key"]) == ("approved", 5000, order)


def test_one_id_leads_through_all_services(shop: Shop) -> None:
    ident = f"test-{uuid.uuid4()}"
    order = shop.order(shop.register(), correlation=ident)
    shop.mailed(order)
    eventually(lambda: {"orders", "payments", "provider", "notifications", "mail"} <= services(shop, ident))
    states = [(line["id"], line["state"]) for line in shop.logs(ident) if line.get("event") == "state"]
    assert states == [(order, "pending"), (order, "confirmed")]


def services(shop: Shop, correlation: str) -> set[str]:
    return {line["service"] for line in shop.logs(correlation)}


def test_a_declined_payment_cancels_the_order(shop: Shop) -> None:
    order = shop.order(shop.register(), amount=90_000)
    assert shop.settled(order) == ("cancelled", "payment_declined")
    assert shop.mailed(order) == ["order_cancelled"]
    assert [charge["status"] for charge in shop.charges(order)] == ["declined"]


def test_what_cannot_be_ordered_is_a_problem_with_a_code(shop: Shop) -> None:
    unknown = shop.ask("POST", "orders", "/orders", {"user_id": "nobody", "amount": 1})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_user")
    missing = shop.ask("GET", "orders", "/orders/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_order")
    body = {"user_id": shop.register(), "amount": 5000, "ref": str(uuid.uuid4())}
    assert shop.ask("POST", "orders", "/orders", body).status_code == 201
    again = shop.ask("POST", "orders", "/orders", body)
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_ref")


def test_an_email_is_registered_once_and_told_of_once(shop: Shop) -> None:
    person = {"email": f"{uuid.uuid4()}@example.uz", "name": "Test"}
    first = shop.ask("POST", "users", "/users", person)
    second = shop.ask("POST", "users", "/users", person)
    assert (first.status_code, second.status_code, second.json()["code"]) == (201, 409, "email_taken")
    eventually(lambda: shop.knows(first.json()["id"]))
    eventually(lambda: shop.ask("GET", "users", "/admin/outbox").json() == {"pending": 0})


def test_a_provider_that_fails_twice_is_a_delay(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "status", status=503, times=2)
    order = shop.order(user)
    assert shop.settled(order) == ("confirmed", "")
    assert len(shop.charges(order)) == 1


def test_an_answer_that_only_looks_like_a_refusal_decides_nothing(shop: Shop) -> None:
    """A 402 from something between us and the provider is not the provider's word."""
    user = shop.register()
    shop.tell("provider", "status", status=402, times=2)
    assert shop.settled(shop.order(user)) == ("confirmed", "")


def test_a_charge_whose_answer_is_lost_is_not_made_twice(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "lose-response", times=1)
    order = shop.order(user)
    assert shop.settled(order) == ("confirmed", "")
    (charge,) = shop.charges(order)
    assert charge["requests"] >= 2


def test_while_payments_is_down_orders_wait_and_are_not_cancelled(shop: Shop) -> None:
    user = shop.register()
    shop.kill("payments")
    order = shop.order(user)
    assert shop.state(order)[0] == "pending"
    shop.start(["payments"])
    assert shop.settled(order) == ("confirmed", "")


def test_a_crash_while_the_charge_is_under_way_charges_once(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "lose-response", times=1)
    order = shop.order(user)
    eventually(lambda: shop.charges(order))  # charged, and payments does not know it yet
    shop.kill("payments")
    shop.heal("provider")
    shop.start(["payments"])
    assert shop.settled(order) == ("confirmed", "")
    assert len(shop.charges(order)) == 1
    assert shop.mailed(order) == ["order_confirmed"]


def test_facts_told_again_under_new_ids_change_nothing(shop: Shop) -> None:
    user = shop.register()
    order = shop.order(user)
    assert shop.settled(order) == ("confirmed", "")
    shop.mailed(order)
    for _ in range(3):
        shop.event("order.created", order_id=order, user_id=user, amount=5000)
        shop.event("payment.approved", order_id=order, amount=5000, charge_id="x")
        shop.event("payment.declined", order_id=order, amount=5000, reason="late")
        shop.event("order.confirmed", order_id=order, user_id=user, amount=5000, reason="")
    fence = shop.order(user)
    shop.mailed(fence)
    assert shop.state(order) == ("confirmed", "")
    assert len(shop.charges(order)) == 1
    assert len(shop.mails(order)) == 1


def test_a_payment_for_an_order_that_nobody_knows_is_parked(shop: Shop) -> None:
    shop.event("payment.approved", order_id="unheard-of", amount=1, charge_id="x")
    queue = "orders.payment-result.dlq"
    eventually(lambda: any(b"unheard-of" in body for _, body in shop.peek(queue)), 20)
    ((properties, _),) = shop.take(queue)
    assert "no order unheard-of" in properties.headers["x-error"]
    assert shop.settled(shop.order(shop.register())) == ("confirmed", "")


def test_two_instances_of_payments_charge_once_each(shop: Shop) -> None:
    shop.spawn("payments", "payments-2", port := free_port())
    eventually(lambda: shop.ready(port), 30)
    user = shop.register()
    orders = [shop.order(user) for _ in range(10)]
    for order in orders:
        shop.event("order.created", order_id=order, user_id=user, amount=5000)
    assert [shop.settled(order) for order in orders] == [("confirmed", "")] * 10
    assert [len(shop.charges(order)) for order in orders] == [1] * 10
    assert shop.stop("payments-2") == 0


def test_a_mail_that_cannot_be_sent_cancels_nothing_and_is_replayed(shop: Shop) -> None:
    user = shop.register()
    order_known = shop.order(user)
    shop.mailed(order_known)
    shop.tell("mail", "decline")
    order = shop.order(user)
    assert shop.settled(order) == ("confirmed", "")
    parked = "notifications.order-outcome.dlq"
    eventually(lambda: len(shop.peek(parked)) == 1)
    shop.heal("mail")
    assert shop.ask("POST", "notifications", "/admin/dlq/replay").json() == {"replayed": 1}
    assert shop.mailed(order) == ["order_confirmed"]
    assert shop.peek(parked) == []
    assert shop.state(order) == ("confirmed", "")


def test_cancelling_while_the_charge_is_under_way_gives_the_money_back(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "lose-response", times=1)
    order = shop.order(user)
    eventually(lambda: shop.charges(order))
    assert shop.ask("POST", "orders", f"/orders/{order}/cancel").status_code == 200
    eventually(lambda: [charge["status"] for charge in shop.charges(order)] == ["refunded"], 20)
    assert shop.state(order) == ("cancelled", "cancelled_by_customer")
    assert shop.mailed(order) == ["order_cancelled"]


def payment_of(shop: Shop, order: str) -> str:
    """What payments itself says of the order; empty if it has not heard of it."""
    items = shop.ask("GET", "payments", f"/payments?order_id={order}").json()["items"]
    return str(items[-1]["status"]) if items else ""


def test_cancelling_before_anything_was_charged_charges_nothing(shop: Shop) -> None:
    user = shop.register()
    shop.kill("payments")
    order = shop.order(user)
    assert shop.ask("POST", "orders", f"/orders/{order}/cancel").json()["status"] == "cancelled"
    shop.start(["payments"])
    shop.mailed(order)
    fence = shop.order(user)
    assert shop.settled(fence) == ("confirmed", "")
    eventually(lambda: payment_of(shop, order) in ("void", "refunded"))
    assert [charge["status"] for charge in shop.charges(order)] in ([], ["refunded"])


def test_what_is_confirmed_cannot_be_cancelled(shop: Shop) -> None:
    order = shop.order(shop.register())
    shop.settled(order)
    answer = shop.ask("POST", "orders", f"/orders/{order}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_pending")


def test_a_cancelling_that_overtakes_its_order_prevents_the_charge(shop: Shop) -> None:
    order = str(uuid.uuid4())
    shop.event("order.cancelled", order_id=order, user_id="u", amount=5000, reason="x")
    eventually(lambda: shop.ask("GET", "payments", f"/payments?order_id={order}").json()["items"])
    shop.event("order.created", order_id=order, user_id="u", amount=5000)
    shop.settled(shop.order(shop.register()))
    assert shop.charges(order) == []


def test_a_registration_that_orders_could_not_read_is_told_again(shop: Shop) -> None:
    assert shop.stop("orders") == 0
    user = shop.register(known=False)
    queue = "orders.user-registered"
    eventually(lambda: shop.peek(queue))
    ((properties, _),) = shop.take(queue)
    shop.inject(queue, b"\xff damaged", exchange="", message_id=properties.message_id)
    shop.start(["orders"])
    eventually(lambda: shop.knows(user))
    ((_, body),) = shop.take(f"{queue}.dlq")
    assert body == b"\xff damaged"


def test_an_order_whose_event_is_lost_for_good_does_not_hang(shop: Shop) -> None:
    user = shop.register()
    assert shop.stop("payments") == 0
    order = shop.order(user)
    eventually(lambda: shop.peek("payments.order-created"))
    shop.take("payments.order-created")
    shop.start(["payments"])
    assert shop.settled(order) == ("confirmed", "")


def test_an_order_whose_payments_answer_is_lost_for_good_does_not_hang(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "hang", times=1)
    order = shop.order(user)
    assert shop.stop("orders") == 0
    shop.heal("provider")
    eventually(lambda: shop.peek("orders.payment-result"), 20)
    shop.take("orders.payment-result")
    shop.start(["orders"])
    assert shop.settled(order) == ("confirmed", "")
    assert len(shop.charges(order)) == 1


def test_orders_takes_orders_without_a_broker_and_survives_a_crash_before_it_is_back(shop: Shop) -> None:
    user = shop.register()
    shop.broker.kill()
    orders = [shop.order(user) for _ in range(5)]
    eventually(lambda: shop.ask("GET", "orders", "/readyz").json()["status"] == "degraded", 20)
    shop.kill("orders")
    shop.broker.start()
    shop.start(["orders"])
    assert [shop.settled(order, 30) for order in orders] == [("confirmed", "")] * 5
    assert [shop.mailed(order) for order in orders] == [["order_confirmed"]] * 5


def test_everybody_stops_when_asked_with_exit_code_0(shop: Shop) -> None:
    assert {name: shop.stop(name) for name in list(shop.processes)} == dict.fromkeys(shop.ports, 0)
