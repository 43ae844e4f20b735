"""A session that changes bytes without any fault: what a provider says of its address becomes the tap's."""

from __future__ import annotations

import asyncio

from lab.wire.session import Address
from tests.wire.loops import in_both_loops
from tests.wire.rig import serving, tapped
from tests.wire.talk import C, S, Talk
from tests.wire.toys import Whereabouts

HERE = ("127.0.0.1", 7)


def test_it_intercepts_without_a_fault_and_after_one_too() -> None:
    talk = Talk(Whereabouts(lambda _: HERE))
    assert talk.connection.direct == {C: False, S: False}
    talk.says(S, b"AT elsewhere 9\nhello\n")
    assert talk.got(C) == b"AT 127.0.0.1 7\nhello\n"
    talk.fault("latency 200ms")
    talk.says(S, b"AT elsewhere 9\n").wait(1)
    assert talk.heard[C][-1] == (0.1, b"AT 127.0.0.1 7\n")
    talk.heal()
    assert talk.connection.direct == {C: False, S: False}
    talk.says(S, b"AT elsewhere 9\n")
    assert talk.heard[C][-1] == (1.0, b"AT 127.0.0.1 7\n")


def test_what_it_must_still_change_is_not_given_back_when_a_fault_heals() -> None:
    talk = Talk(Whereabouts(lambda _: HERE))
    talk.fault('latency 1s on "nothing"')
    talk.says(S, b"AT else")
    talk.heal()
    talk.says(S, b"where 9\n")
    assert talk.got(C) == b"AT 127.0.0.1 7\n"


def test_another_protocol_passes_untouched_from_there_on() -> None:
    talk = Talk(Whereabouts(lambda _: HERE))
    talk.says(S, b"AT a 1\n\x00binary\nAT b 2\n")
    assert talk.got(C) == b"AT 127.0.0.1 7\n\x00binary\nAT b 2\n"
    assert talk.flows[-1].detail == "undecoded (not a line)"
    assert talk.connection.direct == {C: True, S: True}


@in_both_loops
async def test_a_client_that_follows_what_is_advertised_stays_on_the_tap() -> None:
    real: list[Address] = []

    async def advertises(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(b"AT %s %d\n" % (real[0][0].encode(), real[0][1]))

    async with serving(advertises) as upstream, tapped("tcp", upstream) as rig:
        real.append(upstream)
        rig.tap._session = Whereabouts
        host, port = rig.address
        for _ in range(3):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"where?\n")
            _, name, number = (await reader.readline()).split()
            host, port = name.decode(), int(number)
            writer.close()
        assert (host, port) == rig.address
        assert rig.ops() == [f"AT {upstream[0]} {upstream[1]}"] * 3
