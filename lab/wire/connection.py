"""What a proxied connection does, decided without a socket: bytes, ends, changed faults and time in, actions out.

A session reads along. What it decides and what the faults on the whole link demand are put together here; two lanes
keep what is on its way. Time is in seconds, on the clock of the flows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.locale import tr
from lab.wire.actions import Action, End, How, Probe, Read
from lab.wire.disturb import fell, touched
from lab.wire.lane import Lane
from lab.wire.linkfaults import Change, LinkFaults
from lab.wire.raw import RawSession
from lab.wire.session import (
    Again,
    Close,
    Effect,
    Exchanges,
    GiveUp,
    Mute,
    Reset,
    Seen,
    Send,
    Session,
    Side,
    Stall,
    Stream,
    Undecodable,
    Wake,
)

GRACE = 0.25
"""Seconds for the provider's answer after the client's EOF, before one looks (and looks again) whether the client still
waits for it."""

LINGER = 2.0
"""Seconds in which a client may still send what nobody will read, before its connection is closed: a close on top of
unread bytes is an RST, which destroys the answer that it has not read yet."""


class _Socket:
    """What is known of the socket of one side. `full`: it takes no more for now; `paused`: it is not read from;
    `closing`: it was told to close or to reset."""

    __slots__ = ("closing", "eof", "full", "lane", "lost", "made", "paused")

    def __init__(self, side: Side) -> None:
        self.lane = Lane(side, timed=side is Side.CLIENT)
        self.made = False
        self.closing = False
        self.eof = False
        self.lost = False
        self.full = False
        self.paused = False


class Connection:
    """A client's connection to the tap and the tap's to the provider, as one.

    Whoever holds the sockets calls these methods as things happen and carries out the actions that they return, in
    order; and calls `passed` at `due`. `direct` says for each side whether its bytes may be written to the other at
    once and shown to `session.observe` after, without asking here.
    """

    def __init__(self, session: Session, faults: LinkFaults) -> None:
        self.session = session
        self.direct = {Side.CLIENT: False, Side.SERVER: False}
        self._faults = faults
        self._sockets = {side: _Socket(side) for side in Side}
        self._actions: list[Action] = []
        self._now = 0.0
        self._grace: float | None = None
        self._linger: float | None = None
        self._parting = False
        self._wakes: list[float] = []
        self._intercepting = session.rewrites
        self._stalls: set[tuple[str, Stream]] = set()
        self._mutes: set[str] = set()
        self._caught: set[str] = set()
        self._hole = False
        self._healed: tuple[Fault, float] | None = None
        self._first: Side | None = None
        self._over = False
        self._cut = False

    @property
    def over(self) -> bool:
        """Whether nothing is left of it."""
        return all(socket.lost or (self._cut and not socket.made) for socket in self._sockets.values())

    @property
    def exchanges(self) -> bool:
        """Whether it is made of exchanges that stand alone, as far as is known."""
        return isinstance(self.session, Exchanges)

    @property
    def between(self) -> bool:
        """Whether nothing is on its way nor awaited, so that what the client sends next may go to another provider."""
        if self._cut or self._over or self._hole or self._muted or self._stalls:
            return False
        if any(socket.eof or socket.lost or socket.full or not socket.lane.empty for socket in self._sockets.values()):
            return False
        return isinstance(self.session, Exchanges) and self.session.between() and not self.session.held()

    @property
    def due(self) -> float | None:
        """When `passed` is to be called, if nothing happens before."""
        times = [socket.lane.due for socket in self._sockets.values()]
        times += [self._grace, self._linger, *self._wakes]
        return min((time for time in times if time is not None), default=None)

    def opened(self, side: Side, now: float) -> Sequence[Action]:
        """The socket of a side is connected."""
        self._now = now
        socket = self._sockets[side]
        socket.made = True
        if self._cut:
            return [End(side, "reset")]
        socket.lane.opened = True
        self._press(side.other)
        self._disturbed(Change())
        return self._decided()

    def received(self, side: Side, data: bytes, now: float) -> Sequence[Action]:
        """Bytes came that could not go the direct way: a fault, a session that intercepts, or bytes that still wait."""
        self._now = now
        if not self._cut:
            self._received(side, data)
        return self._decided()

    def ended(self, side: Side, now: float) -> Sequence[Action]:
        """EOF from `side`: the other side gets it too, after all that was sent before."""
        self._now = now
        self._sockets[side].eof = True
        if not self._cut:
            self._first = self._first or side
            if self._intercepting:
                self._apply(self._released())
            if self._sockets[side.other].lost:
                self._close()
            elif side is Side.CLIENT:
                self._end(Side.SERVER, "eof")
                self._grace = now + GRACE
            else:
                self._over_and_out("eof")
            self._settle()
        return self._decided()

    def lost(self, side: Side, now: float, *, reset: bool) -> Sequence[Action]:
        """The socket of `side` is gone; with `reset`, by an RST, which the other side gets as well."""
        self._now = now
        socket, other = self._sockets[side], self._sockets[side.other]
        socket.lost = True
        self.direct[side] = False
        self._first = self._first or side
        if not self._cut:
            self._actions += [fell(flow, "lost") for flow in socket.lane.drop()]
            how: How = "reset" if reset else "close"
            if other.lost:
                self._actions += self._finish(self._first)
            elif side is Side.SERVER:
                self._over_and_out(how)
            else:
                self._actions += [self._marked(flow) for flow in self._finish(self._first)]
                self._end(Side.SERVER, how)
            self._settle()
        return self._decided()

    def pressed(self, side: Side, full: bool, now: float) -> Sequence[Action]:
        """The socket of `side` takes no more for now, or does again."""
        self._now = now
        self._sockets[side].full = full
        self._press(side)
        return self._decided()

    def disturbed(self, change: Change, now: float) -> Sequence[Action]:
        """The faults on the link changed."""
        self._now = now
        if not self._cut:
            self._disturbed(change)
        return self._decided()

    def held(self, now: float) -> Sequence[Action]:
        """The provider cannot be reached for a fault that holds the link."""
        self._now = now
        self._catch(self._faults.holds)
        return self._decided()

    def reset(self, fault: str, detail: str, now: float) -> Sequence[Action]:
        """Cut both sides with an RST now; flows under way are errors of `fault`, or lost if it was none."""
        self._now = now
        self._reset(fault, detail)
        return self._decided()

    def failed(self, error: Exception, now: float) -> Sequence[Action]:
        """The session cannot read on. That is journaled once, and the bytes go on as they are."""
        self._now = now
        self._undecoded(error)
        return self._decided()

    def given_up(self, now: float) -> Sequence[Action]:
        """The client's EOF was not a half-close that waits for an answer: it is gone."""
        self._now = now
        self._grace = None
        if not self._cut:
            for flow in self._finish(Side.CLIENT):
                self._follow(self._marked(flow))
        return self._decided()

    def passed(self, now: float) -> Sequence[Action]:
        """Time passed."""
        self._now = now
        if self._grace is not None and self._grace <= now:
            self._grace = None
            if not self._cut and not self._over and not isinstance(self.session, RawSession):
                self._grace = now + GRACE
                self._actions.append(Probe())
        if self._linger is not None and self._linger <= now:
            self._linger = None
            self._end_socket(Side.CLIENT, "close")
        if due := [wake for wake in self._wakes if wake <= now]:
            self._wakes = [wake for wake in self._wakes if wake > now]
            if due and self._intercepting and not self._cut and not self._over:
                self._intercept(Side.CLIENT, b"")
        for side in Side:
            self._pump(side)
        return self._decided()

    def _decided(self) -> Sequence[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _received(self, side: Side, data: bytes) -> None:
        self._intercepting = self._intercepting or self._faults.selective
        if self._intercepting:
            self._intercept(side, data)
            return
        try:
            flows = self.session.observe(side, data, self._now)
        except Exception as error:
            self._send(Send(side.other, data))
            self._undecoded(error)
            return
        passed = self._send(Send(side.other, data))
        for flow in flows:
            self._attend(flow, side.other, None, passed)

    def _disturbed(self, change: Change) -> None:
        faults = self._faults
        self._mutes.intersection_update(faults.active)
        self._stalls = {stall for stall in self._stalls if stall[0] in faults.active}
        if self._hole and not self._muted:
            self._reset("", tr("replies were lost: the connection cannot go on"))
            return
        for socket in self._sockets.values():
            socket.lane.rate = faults.rate
            if change.hurry:
                socket.lane.hurry()
        self._stall()
        if change.healed and self._intercepting:
            self._apply(self._released())
            self._let_go()
        self._settle()

    def _settle(self) -> None:
        """See whether bytes may take the direct way from now on: nothing waits and nothing is in the way."""
        faults = self._faults
        quiet = not (self._intercepting or self._cut or self._muted or self._healed or self._stalls)
        quiet = quiet and not faults.marks and not faults.selective
        for side, socket in self._sockets.items():
            other = self._sockets[side.other]
            self.direct[side] = quiet and other.lane.idle and not other.lost and not socket.lost
        if all(socket.eof and socket.lane.empty for socket in self._sockets.values()):
            self._close()

    def _undecoded(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, Undecodable) else f"{type(error).__name__}: {error}"
        self.session = RawSession()
        self._intercepting = False
        self._actions.append(Flow(role="connection", op="undecoded", detail=f"undecoded ({reason})"))
        self._settle()

    def _reset(self, fault: str, detail: str = "") -> None:
        if self._cut:
            return
        self._cut = True
        flows = [flow for socket in self._sockets.values() for flow in socket.lane.drop()]
        for flow in (*flows, *self._finish(Side.SERVER)):
            fell(flow, "error" if fault else "lost", "reset")
            flow.detail = detail or tr("the connection was cut")
            self._blamed(flow, fault)
        self._grace = self._linger = None
        self._wakes.clear()
        for side in Side:
            self.direct[side] = False
            self._end_socket(side, "reset")

    def _reset_stream(self, fault: str, stream: Stream) -> None:
        for socket in self._sockets.values():
            for flow in socket.lane.drop(stream):
                self._blamed(fell(flow, "error", "reset"), fault)
        self._stalls = {stall for stall in self._stalls if stall[1] != stream}
        self._stall()

    def _blamed(self, flow: Flow, fault: str) -> None:
        if fault and fault not in flow.faults:
            flow.faults = (*flow.faults, fault)
        self._actions.append(flow)

    def _press(self, to: Side) -> None:
        """Read from the sender towards `to` only while there is room for more."""
        source, target = self._sockets[to.other], self._sockets[to]
        wanted = not (target.full or target.lane.full)
        if source.made and not source.lost and source.paused == wanted:
            source.paused = not wanted
            self._actions.append(Read(to.other, wanted))

    def _intercept(self, side: Side, data: bytes) -> None:
        try:
            effects = self.session.intercept(side, data, self._now, self._strike)
        except Exception as error:
            effects = [*self._released(), GiveUp(f"{type(error).__name__}: {error}")]
        self._apply(effects)
        self._let_go()

    def _strike(self, kinds: Collection[str], op: str) -> Fault | None:
        return self._faults.strike(kinds, op, self._now)

    def _let_go(self) -> None:
        """Stop to intercept once nothing is held and no fault asks for it."""
        session = self.session
        if self._intercepting and not (self._faults.selective or session.rewrites or session.held()):
            self._intercepting = False
            self._settle()

    def _released(self) -> Sequence[Effect]:
        try:
            return self.session.release()
        except Exception as error:
            return [GiveUp(f"{type(error).__name__}: {error}")]

    def _apply(self, effects: Iterable[Effect]) -> None:
        to, stream, passed = Side.SERVER, None, True
        for effect in effects:
            match effect:
                case Send():
                    to, stream, passed = effect.to, effect.stream, self._send(effect)
                case Seen(flow):
                    self._attend(flow, to, stream, passed)
                case Again():
                    self._actions.append(effect)
                case Reset(fault, None):
                    self._reset(fault)
                case Reset(fault, cut):
                    self._reset_stream(fault, cut)
                case Stall(fault, stalled):
                    self._stalls.add((fault, stalled))
                    self._stall()
                case Mute(fault):
                    self._mutes.add(fault)
                case Close():
                    for side, socket in self._sockets.items():
                        socket.lane.end("close", self._now)
                        self._pump(side)
                case Wake(delay):
                    self._wakes.append(self._now + delay)
                case GiveUp(reason):
                    self._undecoded(Undecodable(reason))

    @property
    def _muted(self) -> bool:
        return bool(self._faults.mutes or self._mutes)

    def _send(self, send: Send) -> bool:
        """Whether the bytes are on their way: not when they fall to a fault, or when the side they go to is gone."""
        socket = self._sockets[send.to]
        if self._cut or socket.lost:
            return False
        if send.to is Side.CLIENT and self._muted:
            self._hole = True
            self._catch(self._faults.mutes)
            return False
        self._catch(self._faults.holds)
        socket.lane.send(send.data, self._now, send.delay + self._faults.way(), send.rate, send.stream)
        self._pump(send.to)
        return True

    def _end(self, to: Side, how: How) -> None:
        self._sockets[to].lane.end(how, self._now, self._faults.way())
        self._pump(to)

    def _pump(self, to: Side) -> None:
        """Send on what may leave towards `to` now."""
        lane = self._sockets[to].lane
        for action in lane.pump(self._now):
            if isinstance(action, End):
                self._left(to, action.how)
            else:
                self._actions.append(action)
        self._press(to)
        if lane.empty:
            self._settle()

    def _catch(self, faults: Iterable[Fault]) -> None:
        """Something of this connection is held or lost, be it a flow or not: it is a victim of these, once."""
        for fault in faults:
            if fault.id not in self._caught:
                self._caught.add(fault.id)
                self._faults.hit(fault, "connection", self._now)

    def _attend(self, flow: Flow, to: Side, stream: Stream, passed: bool) -> None:
        """Journal a flow when what was sent last to that side leaves. What is lost waits for nothing."""
        flow = self._marked(flow)
        if not passed:
            self._fell(flow)
        elif flow.outcome == "lost" or not self._sockets[to].lane.attend(flow, stream):
            self._actions.append(flow)

    def _fell(self, flow: Flow) -> None:
        """A flow that was lost on its way to the client."""
        fell(flow, "lost")
        for fault in self._faults.mutes:
            touched(flow, fault)
        flow.faults = (*flow.faults, *(ident for ident in self._mutes if ident not in flow.faults))
        self._follow(flow)

    def _follow(self, flow: Flow) -> None:
        """Journal a flow after those that are still on their way to the client: an answer does not come before what it
        answers."""
        if not self._sockets[Side.CLIENT].lane.attend(flow):
            self._actions.append(flow)

    def _marked(self, flow: Flow) -> Flow:
        """The flow with the faults that take the whole link, and with the one that held its request."""
        if self._healed is not None and flow.ms is not None:
            fault, until = self._healed
            if self._now - flow.ms / 1000 < until:
                touched(flow, fault)
            else:
                self._healed = None
                self._settle()
        for fault in self._faults.marks:
            touched(flow, fault)
            if fault not in self._faults.holds:
                self._faults.hit(fault, flow.op, self._now)
        return flow

    def _stall(self) -> None:
        """Hold the lanes, or single streams of them, as the faults demand it now."""
        faults = self._faults
        whole = bool(faults.holds) or any(stream is None for _, stream in self._stalls)
        streams = {stream for _, stream in self._stalls if stream is not None}
        for side, socket in self._sockets.items():
            lane = socket.lane
            if lane.stalled and not whole and not lane.empty and faults.healed_hold is not None:
                self._healed = (faults.healed_hold, self._now)
            lane.stall(whole, streams)
            self._pump(side)

    def _over_and_out(self, how: How) -> None:
        """The provider ended the conversation: tell the client, with what is now without an answer."""
        flows = [self._marked(flow) for flow in self._finish(self._first or Side.SERVER)]
        if self._muted:
            self._hole = True
            self._catch(self._faults.mutes)
            for flow in flows:
                self._fell(flow)
            return
        if how == "reset" and self._all_answered(flows):
            how, self._parting = "eof", True
            self._sockets[Side.SERVER].full = False
            self._press(Side.SERVER)
        lane = self._sockets[Side.CLIENT].lane
        lane.end(how, self._now, self._faults.way())
        for flow in flows:
            lane.attend(flow)
        self._pump(Side.CLIENT)

    def _all_answered(self, lost: Sequence[Flow]) -> bool:
        """Whether the provider had said all it had to say before it reset the connection: so does one that answers a
        request before it has read the whole of it, and closes."""
        if self._sockets[Side.SERVER].eof:
            return True
        return not isinstance(self.session, RawSession) and all(flow.outcome != "lost" for flow in lost)

    def _finish(self, by: Side) -> Sequence[Flow]:
        """The conversation is over: flows for what never got an answer, once."""
        if self._over:
            return ()
        self._over = True
        try:
            return self.session.closed(by, self._now)
        except Exception as error:
            return [Flow(role="connection", op="undecoded", detail=f"undecoded ({type(error).__name__}: {error})")]

    def _left(self, to: Side, how: How) -> None:
        """The lane towards `to` came to its end."""
        alone = how == "eof" and self._sockets[to.other].lost
        if alone and self._parting:
            self._linger = self._now + LINGER
        self._end_socket(to, "close" if alone and not self._parting else how)

    def _close(self) -> None:
        for side in Side:
            self._end_socket(side, "close")

    def _end_socket(self, side: Side, how: How) -> None:
        socket = self._sockets[side]
        if socket.made and not socket.lost and (how == "reset" or not socket.closing):
            socket.closing = how != "eof"
            self._actions.append(End(side, how))
