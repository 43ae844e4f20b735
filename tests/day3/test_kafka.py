"""Wednesday's services on Kafka, as the taps see them."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from lab.journal.event import Flow
from tests.day3.living import living
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.timeout(120)
def test_one_order_is_followed_over_its_records() -> None:
    with living("kafka", "choreography") as run, httpx.Client(timeout=5, trust_env=False) as http:
        links = {link.id: link.url for link in run.control.run().links}
        user = http.post(f"{links['client->users']}/users", json={"email": "one@example.uz", "name": "One"}).json()[
            "id"
        ]
        body = {"user_id": user, "amount": 5000}
        place = f"{links['client->orders']}/orders"
        eventually(lambda: http.post(place, json=body, headers={"X-Request-ID": "c-1"}).is_success)

        def told() -> set[tuple[str, str, str]]:
            flows = [event for event in run.events() if isinstance(event, Flow) and event.correlation == "c-1"]
            return {(flow.source, flow.op.partition(" ")[0], flow.routing_key) for flow in flows}

        eventually(
            lambda: (
                told()
                >= {
                    ("orders", "produce", "order.created"),
                    ("orders", "confirm", "order.created"),
                    ("payments", "fetch", "order.created"),
                    ("payments", "commit", "order.created"),
                    ("payments", "produce", "payment.approved"),
                    ("orders", "fetch", "payment.approved"),
                    ("notifications", "fetch", "order.confirmed"),
                }
            )
        )
