"""One proxied connection: a Protocol on each side, a lane each way, and the session that reads along."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.disturb import touched
from lab.wire.lane import End, Lane
from lab.wire.peer import Peer
from lab.wire.raw import RawSession
from lab.wire.session import (
    Again,
    Close,
    Effect,
    GiveUp,
    Mute,
    Reset,
    Seen,
    Send,
    Session,
    Side,
    Stall,
    Undecodable,
    Wake,
)

if TYPE_CHECKING:
    from lab.wire.tap import Tap

GRACE = 0.25
"""Seconds for the provider's answer after the client's EOF, before what it waited for counts as lost."""


class Connection:
    """A client's connection to the tap and the tap's to the provider, as one."""

    def __init__(self, tap: Tap, number: int, session: Session) -> None:
        self.tap = tap
        self.number = number
        self.session = session
        loop = asyncio.get_running_loop()
        self._lanes = {
            side: Lane(
                loop,
                tell=self.tell,
                ended=lambda how, side=side: self._left(side, how),  # type: ignore[misc]
                room=lambda side=side: self.pressure(side),  # type: ignore[misc]
                drained=self.settle,
                timed=side is Side.CLIENT,
            )
            for side in Side
        }
        self.client = Peer(self, Side.CLIENT)
        self.server = Peer(self, Side.SERVER)
        self._peers = {Side.CLIENT: self.client, Side.SERVER: self.server}
        self._intercepting = False
        self._busy = False
        self._release = False
        self._stalls: set[str] = set()
        self._mutes: set[str] = set()
        self._caught: set[str] = set()
        self._hole = False
        self._healed: tuple[Fault, float] | None = None
        self._first: Side | None = None
        self._over = False
        self._cut = False

    def lane(self, to: Side) -> Lane:
        """The way out towards `to`."""
        return self._lanes[to]

    def made(self, peer: Peer) -> None:
        """A side is connected."""
        assert peer.transport is not None
        if self._cut:
            peer.abort()
            return
        self._lanes[peer.side].attach(peer.transport)
        self._peers[peer.side.other].forward = peer.transport.write
        self.pressure(peer.side.other)
        self.disturbed()

    def received(self, side: Side, data: bytes) -> None:
        """Bytes came while something is in the way: a fault, a session that intercepts, or bytes that still wait."""
        if self.tap.version != self.tap.plan.version:
            self.tap.changed()
        if self._cut:
            return
        self._intercepting = self._intercepting or self.tap.selective
        if self._intercepting:
            self._intercept(side, data)
            return
        try:
            flows = self.session.observe(side, data, self.tap.now())
        except Exception as error:
            self._send(Send(side.other, data))
            self.undecoded(error)
            return
        passed = self._send(Send(side.other, data))
        for flow in flows:
            self._attend(flow, side.other, passed)

    def disturbed(self, *, healed: bool = False, hurry: bool = False) -> None:
        """The faults on the link changed. `healed`: sessions give back what they hold; `hurry`: what waits goes now."""
        if self._cut:
            return
        tap = self.tap
        self._mutes.intersection_update(tap.active)
        self._stalls.intersection_update(tap.active)
        if self._hole and not self._muted:
            self.reset("", "replies were lost: the connection cannot go on")
            return
        holds = bool(tap.holds or self._stalls)
        for lane in self._lanes.values():
            lane.rate = tap.rate
            if hurry:
                lane.hurry()
            if lane.stalled != holds:
                self._stall(lane, holds)
        if healed and self._intercepting:
            self._release = True
            self._let_go()
        self.settle()

    def settle(self) -> None:
        """Whether bytes may take the short way from now on: nothing waits and nothing is in the way."""
        quiet = not (self._intercepting or self._cut or self._muted or self._healed)
        quiet = quiet and not self.tap.marks and not self.tap.selective
        for side, peer in self._peers.items():
            peer.direct = quiet and self._lanes[side.other].idle and not self._peers[side.other].lost
        if self.client.eof and self.server.eof and all(lane.empty for lane in self._lanes.values()):
            self._close()

    def tell(self, flow: Flow) -> None:
        """Journal a flow of this connection."""
        flow.conn = self.number
        self.tap.tell(flow)

    def undecoded(self, error: Exception) -> None:
        """The session cannot read on: say so once; the bytes go on as they are."""
        reason = str(error) if isinstance(error, Undecodable) else f"{type(error).__name__}: {error}"
        self.session = RawSession()
        self._intercepting = False
        self.tell(Flow(role="connection", op="undecoded", detail=f"undecoded ({reason})"))
        self.settle()

    def reset(self, fault: str, detail: str = "") -> None:
        """Cut both sides with an RST now; flows under way are errors of `fault`, or lost if it was none."""
        if self._cut:
            return
        self._cut = True
        flows = [flow for lane in self._lanes.values() for flow in lane.drop()]
        for flow in (*flows, *self._finish(Side.SERVER)):
            flow.outcome, flow.status = "error" if fault else "lost", "reset"
            flow.detail = detail or "the connection was cut"
            if fault and fault not in flow.faults:
                flow.faults = (*flow.faults, fault)
            self.tell(flow)
        for peer in self._peers.values():
            peer.direct = False
            peer.abort()
        self._gone()

    def pressure(self, to: Side) -> None:
        """Read from the sender towards `to` only while there is room for more."""
        source, transport = self._peers[to.other], self._peers[to.other].transport
        wanted = self._peers[to].full or self._lanes[to].full
        if transport is None or source.lost or wanted == source.paused:
            return
        source.paused = wanted
        if transport.is_closing():
            return
        if wanted:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def ended(self, side: Side) -> None:
        """EOF from `side`: the other side gets it too, after all that was sent before."""
        if self._cut:
            return
        self._first = self._first or side
        if self._intercepting:
            self._apply(self._released())
        if self._peers[side.other].lost:
            self._close()
            return
        if side is Side.CLIENT:
            self._lanes[Side.SERVER].end("eof", self.tap.way())
            asyncio.get_running_loop().call_later(GRACE, self._given_up)
        else:
            self._over_and_out("eof")
        self.settle()

    def lost(self, side: Side, error: Exception | None) -> None:
        """The socket of `side` is gone; with an error, by an RST, which the other side gets as well."""
        other = self._peers[side.other]
        self._first = self._first or side
        if not self._cut:
            for flow in self._lanes[side].drop():
                flow.outcome = "lost"
                self.tell(flow)
            if other.lost or other.transport is None:
                for flow in self._finish(self._first):
                    self.tell(flow)
            elif side is Side.SERVER:
                self._over_and_out("close" if error is None else "reset")
            else:
                for flow in self._finish(self._first):
                    self.tell(self._marked(flow))
                self._lanes[Side.SERVER].end("close" if error is None else "reset", self.tap.way())
            self.settle()
        self._gone()

    def _intercept(self, side: Side, data: bytes) -> None:
        self._busy = True
        try:
            effects = self.session.intercept(side, data, self.tap.now(), self.tap.strike)
        except Exception as error:
            effects = [*self._released(), GiveUp(f"{type(error).__name__}: {error}")]
        finally:
            self._busy = False
        self._apply(effects)
        self._let_go()

    def _let_go(self) -> None:
        """Release what healed faults held, and stop to intercept once nothing is held and no fault asks for it."""
        if self._busy:
            return
        if self._release:
            self._release = False
            self._apply(self._released())
        if self._intercepting and not self.tap.selective and not self.session.held():
            self._intercepting = False
            self.settle()

    def _released(self) -> Sequence[Effect]:
        try:
            return self.session.release()
        except Exception as error:
            return [GiveUp(f"{type(error).__name__}: {error}")]

    def _apply(self, effects: Iterable[Effect]) -> None:
        to, passed = Side.SERVER, True
        for effect in effects:
            match effect:
                case Send():
                    to, passed = effect.to, self._send(effect)
                case Seen(flow):
                    self._attend(flow, to, passed)
                case Again(data, faults):
                    self.tap.again(data, faults)
                case Reset(fault):
                    self.reset(fault)
                case Stall(fault):
                    self._stalls.add(fault)
                    for lane in self._lanes.values():
                        self._stall(lane, True)
                case Mute(fault):
                    self._mutes.add(fault)
                case Close():
                    for lane in self._lanes.values():
                        lane.end("close")
                case Wake(delay):
                    asyncio.get_running_loop().call_later(delay, self._wake)
                case GiveUp(reason):
                    self.undecoded(Undecodable(reason))

    def _wake(self) -> None:
        if self._intercepting and not self._cut and not self._over:
            self._intercept(Side.CLIENT, b"")

    @property
    def _muted(self) -> bool:
        return bool(self.tap.mutes or self._mutes)

    def _send(self, send: Send) -> bool:
        """Whether the bytes are on their way: not when they fall to a fault, or when the side they go to is gone."""
        if self._cut or self._peers[send.to].lost:
            return False
        if send.to is Side.CLIENT and self._muted:
            self._hole = True
            self.catch(self.tap.mutes)
            return False
        self.catch(self.tap.holds)
        self._lanes[send.to].send(send.data, send.delay + self.tap.way(), send.rate)
        return True

    def catch(self, faults: Iterable[Fault]) -> None:
        """Something of this connection is held or lost, be it a flow or not: it is a victim of these, once."""
        for fault in faults:
            if fault.id not in self._caught:
                self._caught.add(fault.id)
                self.tap.hit(fault, "connection")

    def _attend(self, flow: Flow, to: Side, passed: bool) -> None:
        flow = self._marked(flow)
        if passed:
            self._lanes[to].attend(flow)
        else:
            self._fell(flow)

    def _fell(self, flow: Flow) -> None:
        """A flow whose bytes were lost on their way to the client."""
        flow.outcome = "lost"
        for fault in self.tap.mutes:
            touched(flow, fault)
        flow.faults = (*flow.faults, *(ident for ident in self._mutes if ident not in flow.faults))
        self.tell(flow)

    def _marked(self, flow: Flow) -> Flow:
        """The flow with the faults that take the whole link, and with the one that held its request."""
        if self._healed is not None and flow.ms is not None:
            fault, until = self._healed
            if self.tap.now() - flow.ms / 1000 < until:
                touched(flow, fault)
            else:
                self._healed = None
                self.settle()
        for fault in self.tap.marks:
            touched(flow, fault)
            if fault not in self.tap.holds:
                self.tap.hit(fault, flow.op)
        return flow

    def _stall(self, lane: Lane, stalled: bool) -> None:
        if not stalled and not lane.empty and self.tap.healed_hold is not None:
            self._healed = (self.tap.healed_hold, self.tap.now())
        lane.stall(stalled)

    def _over_and_out(self, how: End) -> None:
        """The provider ended the conversation: tell the client, with what is now without an answer."""
        flows = [self._marked(flow) for flow in self._finish(self._first or Side.SERVER)]
        lane = self._lanes[Side.CLIENT]
        if self._muted:
            self._hole = True
            self.catch(self.tap.mutes)
            for flow in flows:
                self._fell(flow)
            return
        lane.end(how, self.tap.way())
        for flow in flows:
            lane.attend(flow)

    def _given_up(self) -> None:
        """The client's EOF was not a half-close that waits for an answer: it is gone."""
        if not self._cut and not isinstance(self.session, RawSession):
            for flow in self._finish(Side.CLIENT):
                self.tell(self._marked(flow))

    def _finish(self, by: Side) -> Sequence[Flow]:
        """The conversation is over: flows for what never got an answer, once."""
        if self._over:
            return ()
        self._over = True
        try:
            return self.session.closed(by, self.tap.now())
        except Exception as error:
            return [Flow(role="connection", op="undecoded", detail=f"undecoded ({type(error).__name__}: {error})")]

    def _left(self, to: Side, how: End) -> None:
        """The lane towards `to` came to its end."""
        peer = self._peers[to]
        if peer.transport is None or peer.lost:
            return
        if how == "reset":
            peer.abort()
        elif how == "close" or self._peers[to.other].lost:
            peer.transport.close()
        elif not peer.transport.is_closing() and peer.transport.can_write_eof():
            peer.transport.write_eof()

    def _close(self) -> None:
        for peer in self._peers.values():
            if peer.transport is not None and not peer.lost:
                peer.transport.close()

    def _gone(self) -> None:
        if all(peer.lost or peer.transport is None for peer in self._peers.values()):
            self.tap.gone(self)
