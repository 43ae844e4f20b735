"""An exchange's rules, asked without a broker."""

from __future__ import annotations

from lab.engines.amqp.core.exchange import headers_match
from lab.engines.amqp.core.table import Field


def test_a_whole_number_equals_its_fraction() -> None:
    """As on RabbitMQ; pika knows no fractions, so the rule itself is asked."""
    assert headers_match({"a": Field("d", 1.0)}, {"a": Field("I", 1)})
    assert not headers_match({"a": Field("d", 1.0)}, {"a": Field("t", True)})
