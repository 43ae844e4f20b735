from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.brokers import EmbeddedBroker
from tests.day3.shop import Shop


@pytest.fixture(scope="module")
def whole_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop with the saga that the module names in SAGA, or a choreography."""
    folder = tmp_path_factory.mktemp("shop")
    with EmbeddedBroker(folder / "broker") as broker:
        shop = Shop(broker, folder, getattr(request.module, "SAGA", "choreography"))
        try:
            shop.start()
            yield shop
        finally:
            shop.close()


@pytest.fixture
def shop(whole_shop: Shop) -> Shop:
    """The shop with everybody at work and the stubs well-behaved, whatever the test before did."""
    if missing := [name for name in whole_shop.modules if name not in whole_shop.processes]:
        whole_shop.start(missing)
    for stub in ("provider", "mail"):
        whole_shop.heal(stub)
    return whole_shop
