"""The map's geometry: everything inside, nothing on top of anything else, the same every time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.dashboard.layout import Chart, arrange, nodes
from lab.system.model import Engine, Link, Service, System
from tests.dashboard import shop


def system(*links: str, engines: tuple[str, ...] = ()) -> System:
    made = []
    for link in links:
        source, target = link.split(">")
        made.append(Link(source=source, target=target, protocol="amqp" if target in engines else "http"))
    names = dict.fromkeys(name for link in links for name in link.split(">"))
    services = tuple(Service(name=name, module=name) for name in names if name not in engines and name != "client")
    return System(
        name="t", services=services, engines=tuple(Engine(name=e, kind="amqp") for e in engines), links=tuple(made)
    )


def covered(chart: Chart) -> None:
    """Boxes do not overlap, wires do not run through boxes, labels are free, and all is on the chart."""
    cells: dict[tuple[int, int], str] = {}
    for box in chart.boxes:
        for x in range(box.x, box.x + box.width):
            for y in range(box.y, box.y + box.height):
                assert (x, y) not in cells, f"{box.name} lies on {cells[x, y]}"
                assert 0 <= x < chart.width
                assert 0 <= y < chart.height
                cells[x, y] = box.name
    for wire in chart.wires:
        assert wire.path
        for (x1, y1), (x2, y2) in zip(wire.path, wire.path[1:], strict=False):
            assert abs(x1 - x2) + abs(y1 - y2) == 1, f"{wire.link} jumps"
        for cell in wire.path:
            assert cell not in cells, f"{wire.link} runs through {cells[cell]}"
            assert chart.masks[cell]
    written: set[tuple[int, int]] = set()
    for wire in chart.wires:
        for x, y, width in wire.labels:
            room = {(x + step, y) for step in range(width)}
            assert not room & (set(cells) | set(chart.masks) | written)
            written |= room


@pytest.mark.parametrize(("width", "height", "size"), [(120, 17, "roomy"), (80, 9, "compact"), (200, 40, "roomy")])
def test_day_three_fits(width: int, height: int, size: str) -> None:
    chart = arrange(shop.SYSTEM, width, height)
    assert chart is not None
    assert chart.size == size
    assert {box.name for box in chart.boxes} == set(nodes(shop.SYSTEM))
    assert {wire.link for wire in chart.wires} == {link.id for link in shop.SYSTEM.links}
    assert all(wire.labels for wire in chart.wires)
    covered(chart)


def test_too_small_is_none() -> None:
    assert arrange(shop.SYSTEM, 60, 20) is None
    assert arrange(shop.SYSTEM, 120, 5) is None
    assert arrange(System(name="empty"), 120, 40) is None


def test_it_is_the_same_every_time() -> None:
    assert arrange(shop.SYSTEM, 120, 17) == arrange(shop.SYSTEM, 120, 17)


def test_work_flows_from_left_to_right_through_the_broker() -> None:
    chart = arrange(shop.SYSTEM, 120, 17)
    assert chart is not None
    x = {box.name: box.x for box in chart.boxes}
    assert x["client"] < x["orders"] < x["broker"] < x["payments"] < x["payment_provider"]
    backwards = {wire.link for wire in chart.wires if wire.backwards}
    assert backwards == {"payments->broker", "notifications->broker"}


def test_a_link_over_several_layers_gets_a_lane() -> None:
    chart = arrange(system("client>a", "a>b", "b>c", "a>c"), 120, 20)
    assert chart is not None
    covered(chart)


def test_circles_are_drawn_too() -> None:
    chart = arrange(system("client>a", "a>b", "b>a"), 120, 20)
    assert chart is not None
    covered(chart)
    assert sum(wire.backwards for wire in chart.wires) == 1


def test_a_star_of_services_around_one_broker() -> None:
    chart = arrange(system("a>mq", "b>mq", "c>mq", engines=("mq",)), 100, 20)
    assert chart is not None
    covered(chart)


@settings(max_examples=60)
@given(
    st.sets(
        st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=10
    )
)
def test_any_system_is_drawn_cleanly_or_not_at_all(pairs: set[tuple[int, int]]) -> None:
    chart = arrange(system(*(f"s{a}>s{b}" for a, b in sorted(pairs))), 160, 60)
    if chart is not None:
        assert len(chart.wires) == len(pairs)
        covered(chart)


@pytest.mark.parametrize(("width", "height"), [(120, 17), (60, 9)])
def test_two_links_between_one_pair_are_two_wires(width: int, height: int) -> None:
    two = System(
        name="t",
        services=(Service(name="orders", module="o"), Service(name="users", module="u", endpoints=("http", "grpc"))),
        links=(
            Link(source="orders", target="users", protocol="http"),
            Link(source="orders", target="users", protocol="tcp", endpoint="grpc"),
        ),
    )
    chart = arrange(two, width, height)
    assert chart is not None
    covered(chart)
    assert [wire.link for wire in chart.wires] == ["orders->users", "orders->users:grpc"]
    one, other = (set(wire.path) for wire in chart.wires)
    assert not one & other


def test_the_instances_of_a_service_share_one_box() -> None:
    many = System(
        name="t",
        services=(Service(name="orders", module="o"), Service(name="users", module="u", replicas=3)),
        links=(
            Link(source="orders", target="users", protocol="http"),
            Link(source="orders", target="users-2", protocol="http"),
        ),
    )
    assert nodes(many) == ("orders", "users")
    chart = arrange(many, 120, 17)
    assert chart is not None
    assert [wire.link for wire in chart.wires] == ["orders->users", "orders->users-2"]
