from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.brokers import EmbeddedBroker
from tests.day3.shop import MODULES, Shop


@pytest.fixture(scope="module")
def whole_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with EmbeddedBroker(folder / "broker") as broker:
        shop = Shop(broker, folder)
        try:
            shop.start()
            yield shop
        finally:
            shop.close()


@pytest.fixture
def shop(whole_shop: Shop) -> Shop:
    """The shop with everybody at work and the stubs well-behaved, whatever the test before did."""
    missing = [name for name in MODULES if name not in whole_shop.processes]
    whole_shop.start(missing)
    for stub in ("provider", "mail"):
        whole_shop.heal(stub)
    return whole_shop
