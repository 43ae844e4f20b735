from __future__ import annotations

from dataclasses import dataclass

import pytest

from lab.chassis.settings import MessagingSettings, SettingsError, read


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    payment_url: str
    share: float = 0.5


GIVEN = {"DATABASE_URL": "sqlite:///x.db", "AMQP_URL": "amqp://x", "PAYMENT_URL": "http://x"}


def test_fields_are_read_from_variables_of_their_name_with_their_type() -> None:
    env = GIVEN | {"PORT": "1234", "SHARE": "0.25", "RETRY_DELAYS_MS": "10,20"}
    settings = read(Settings, env, service_name="orders")
    assert (settings.port, settings.share, settings.retry_delays_ms) == (1234, 0.25, (10, 20))
    assert settings.payment_url == "http://x"


def test_what_is_not_set_takes_the_given_default_then_the_classes_own() -> None:
    settings = read(Settings, GIVEN, service_name="orders")
    assert (settings.service_name, settings.host, settings.prefetch) == ("orders", "127.0.0.1", 10)
    assert read(Settings, GIVEN | {"SERVICE_NAME": "orders-2"}, service_name="orders").service_name == "orders-2"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(Settings, GIVEN | {"PORT": " "}, service_name="orders").port == 8000


def test_the_error_names_every_variable_that_is_wrong() -> None:
    with pytest.raises(SettingsError) as error:
        read(Settings, {"PORT": "high", "AMQP_URL": "amqp://x", "RETRY_DELAYS_MS": "1,x"}, service_name="orders")
    assert "PORT='high' is not a whole number" in str(error.value)
    assert "DATABASE_URL is not set" in str(error.value)
    assert "PAYMENT_URL is not set" in str(error.value)
    assert "RETRY_DELAYS_MS" in str(error.value)
