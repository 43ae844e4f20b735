from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.wire.redis.session import ABORTED, DISCARD, HOLD_LIMIT, RedisSession
from lab.wire.session import Mute, Reset, Send, Stall, Undecodable
from tests.wire.playbook import C, Dialogue, S, Said, check_garbage, garbage, observed, seen, splits, striking

OK = b"+OK\r\n"
NIL = b"$-1\r\n"
HI = b"$2\r\nhi\r\n"


def cmd(*args: bytes | str) -> bytes:
    words = [arg.encode() if isinstance(arg, str) else arg for arg in args]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def one(ask: bytes, reply: bytes) -> tuple[str, str, bool | None]:
    (flow,) = observed(RedisSession(), [(C, ask), (S, reply)])
    return flow.op, flow.status, flow.hit


def test_a_command_and_its_reply_are_one_flow() -> None:
    (flow,) = observed(RedisSession(), [(C, cmd("get", "user:7")), (S, HI)])
    assert (flow.op, flow.key, flow.status, flow.hit, flow.ms) == ("GET user:7", "user:7", "hit", True, 1000.0)
    assert flow.bytes == len(cmd("get", "user:7")) + len(HI)


@pytest.mark.parametrize(
    ("ask", "reply", "status"),
    [
        (cmd("GET", "a"), NIL, "miss"),
        (cmd("GET", "a"), b"_\r\n", "miss"),
        (cmd("GET", "a"), b"+short\r\n", "hit"),
        (cmd("HGET", "a", "f"), HI, "hit"),
        (cmd("MGET", "a", "b"), b"*2\r\n" + HI + HI, "hit"),
        (cmd("MGET", "a", "b"), b"*2\r\n" + HI + NIL, "miss"),
        (cmd("HGETALL", "a"), b"*0\r\n", "miss"),
        (cmd("HGETALL", "a"), b"%1\r\n" + HI + HI, "hit"),
        (cmd("EXISTS", "a"), b":0\r\n", "miss"),
        (cmd("EXISTS", "a", "b"), b":1\r\n", "hit"),
    ],
)
def test_reads_hit_or_miss(ask: bytes, reply: bytes, status: str) -> None:
    assert one(ask, reply)[1:] == (status, status == "hit")


@pytest.mark.parametrize(
    ("ask", "seconds"),
    [
        (cmd("SET", "a", "1", "EX", "60"), 60),
        (cmd("SET", "a", "1", "NX", "PX", "1500"), 1.5),
        (cmd("SETEX", "a", "60", "1"), 60),
        (cmd("PSETEX", "a", "1500", "1"), 1.5),
        (cmd("EXPIRE", "a", "10"), 10),
        (cmd("GETEX", "a", "EX", "10"), 10),
        (cmd("SET", "a", "1"), None),
        (cmd("SET", "a", "1", "EX", "soon"), None),
    ],
)
def test_the_ttl_that_is_written(ask: bytes, seconds: float | None) -> None:
    (flow,) = observed(RedisSession(), [(C, ask), (S, OK)])
    assert flow.ttl == seconds


@pytest.mark.parametrize(
    ("ask", "op"),
    [
        (cmd("AUTH", "default", "hunter2"), "AUTH"),
        (cmd("HELLO", "3", "AUTH", "default", "hunter2"), "HELLO"),
        (cmd("CONFIG", "SET", "requirepass", "hunter2"), "CONFIG SET"),
        (cmd("ACL", "SETUSER", "bob", ">hunter2"), "ACL SETUSER"),
        (cmd("MIGRATE", "h", "1", "", "0", "5", "AUTH", "hunter2"), "MIGRATE"),
        (cmd("SET", "a", "hunter2"), "SET a"),
        (cmd("EVAL", "return 'hunter2'", "1", "a"), "EVAL a"),
        (cmd("EVAL", "return 'hunter2'", "0", "hunter2"), "EVAL"),
        (b"AUTH hunter2\r\n", "AUTH"),
    ],
)
def test_secrets_and_values_are_not_written_down(ask: bytes, op: str) -> None:
    reply = b"-WRONGPASS invalid username-password pair\r\n"
    (flow,) = observed(RedisSession(), [(C, ask), (S, reply)])
    assert flow.op == op
    assert (flow.status, flow.outcome) == ("WRONGPASS", "error")
    assert "hunter2" not in repr(flow)


def test_arguments_in_an_error_are_not_written_down() -> None:
    reply = b"-ERR unknown command 'FOO', with args beginning with: 'hunter2' \r\n"
    (flow,) = observed(RedisSession(), [(C, cmd("FOO", "hunter2")), (S, reply)])
    assert (flow.op, flow.key, flow.detail) == ("FOO", "", "unknown command 'FOO'")


def test_pipelined_commands_are_answered_in_order() -> None:
    flows = observed(
        RedisSession(), [(C, cmd("SET", "a", "1") + cmd("GET", "a") + b"PING\r\n"), (S, OK + HI + b"+PONG\r\n")]
    )
    assert [(f.op, f.status) for f in flows] == [("SET a", "OK"), ("GET a", "hit"), ("PING", "PONG")]


def test_a_transaction() -> None:
    asks = cmd("MULTI") + cmd("INCR", "a") + cmd("GET", "a") + cmd("EXEC")
    replies = OK + b"+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n" + HI
    flows = observed(RedisSession(), [(C, asks), (S, replies)])
    assert [(f.op, f.status, f.hit) for f in flows] == [
        ("MULTI", "OK", None),
        ("INCR a", "QUEUED", None),
        ("GET a", "QUEUED", None),
        ("EXEC", "OK", None),
    ]


def test_subscriptions_in_resp2() -> None:
    confirm = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    message = b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n"
    said: list[Said] = [
        (C, cmd("SUBSCRIBE", "a", "b")),
        (S, confirm + message),
        (C, cmd("PING")),
        (S, b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"),
    ]
    flows = observed(RedisSession(), said)
    assert [(f.op, f.status) for f in flows] == [("SUBSCRIBE a", "OK"), ("message a", "pushed"), ("PING", "OK")]


def test_pushes_in_resp3_do_not_disturb_the_pairing() -> None:
    push = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n"
    confirm = b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    said: list[Said] = [(C, cmd("SUBSCRIBE", "a") + cmd("GET", "x")), (S, confirm + push + HI + push)]
    flows = observed(RedisSession(), said)
    assert [f.op for f in flows] == ["SUBSCRIBE a", "message a", "GET x", "message a"]


def test_an_attribute_belongs_to_the_reply_after_it() -> None:
    attribute = b"|1\r\n+ttl\r\n:3600\r\n"
    flows = observed(RedisSession(), [(C, cmd("GET", "a") + cmd("GET", "b")), (S, attribute + b"_\r\n" + HI)])
    assert [f.status for f in flows] == ["miss", "hit"]


def test_every_resp3_type_is_one_value() -> None:
    replies = [
        b"_\r\n",
        b"#t\r\n",
        b",1.5\r\n",
        b"(3492890328409238509324850943850943825024385\r\n",
        b"!5\r\nERR x\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"%1\r\n+a\r\n*2\r\n:1\r\n~1\r\n:2\r\n",
        b"*-1\r\n",
    ]
    asks = b"".join(cmd("LRANGE", f"k{n}") for n in range(len(replies)))
    flows = observed(RedisSession(), [(C, asks), (S, b"".join(replies))])
    assert [f.key for f in flows] == [f"k{n}" for n in range(len(replies))]


def test_what_never_got_a_reply_is_lost() -> None:
    session = RedisSession()
    observed(session, [(C, cmd("BLPOP", "q", "0"))])
    (flow,) = session.closed(C, 3.0)
    assert (flow.op, flow.outcome, flow.status, flow.ms) == ("BLPOP q", "lost", "closed", 3000.0)
    assert session.observe(S, HI, 4.0) == ()


def test_a_large_value_is_not_kept() -> None:
    session = RedisSession()
    piece = b"x" * 65536
    session.observe(C, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n" % (len(piece) * 200), 0.0)
    for _ in range(200):
        session.observe(C, piece, 0.0)
    session.observe(C, b"\r\n", 0.0)
    (flow,) = session.observe(S, OK, 1.0)
    assert flow.op == "SET a"
    assert flow.bytes > 200 * 65536


@pytest.mark.parametrize(
    "said",
    [
        [(C, b"\x16\x03\x01\x02\x00")],
        [(C, b"*1\r\n:3\r\n")],
        [(C, b"*1\r\n$3\r\nGETxx")],
        [(C, b"*x\r\n")],
        [(C, b"*1\r\n$-5\r\n")],
        [(C, cmd("PSYNC", "?", "-1"))],
        [(C, cmd("CLIENT", "REPLY", "OFF"))],
        [(C, b"A" * 70_000)],
        [(C, cmd("GET", "a")), (S, b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        [(C, cmd("GET", "a")), (S, b"$2\r\nhixx\r\n")],
    ],
)
def test_other_protocols_are_undecodable(said: list[Said]) -> None:
    with pytest.raises(Undecodable):
        observed(RedisSession(), said)


CONVERSATION: list[Said] = [
    (C, cmd("HELLO", "3") + cmd("SET", "a", b"\r\n*1\r\n$", "EX", "5") + b"PING\r\n"),
    (S, b"%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n" + OK + b"+PONG\r\n"),
    (C, cmd("MULTI") + cmd("GET", "a") + cmd("EXEC") + cmd("MGET", *[f"k{n}" for n in range(20)])),
    (S, OK + b"+QUEUED\r\n*1\r\n$8\r\n\r\n*1\r\n$x\r\n*20\r\n" + HI * 19 + NIL),
    (C, cmd("GET", "b" * 700) + cmd("SUBSCRIBE", "news") + cmd("GET", "c")),
    (S, b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n-ERR no\r\n"),
    (S, b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n|1\r\n+a\r\n*1\r\n:1\r\n$3\r\nval\r\n"),
]


@given(splits(CONVERSATION))
def test_any_split_gives_the_same_flows(pieces: list[Said]) -> None:
    assert seen(observed(RedisSession(), pieces)) == seen(observed(RedisSession(), CONVERSATION))


def test_the_conversation_is_understood() -> None:
    flows = observed(RedisSession(), CONVERSATION)
    assert [f.op.split(" ")[0] for f in flows] == [
        "HELLO",
        "SET",
        "PING",
        "MULTI",
        "GET",
        "EXEC",
        "MGET",
        "invalidate",
        "GET",
        "SUBSCRIBE",
        "GET",
    ]
    assert flows[-1].status == "hit"


def test_every_flow_says_what_it_is_and_which_side_sent_it() -> None:
    flows = observed(RedisSession(), [*CONVERSATION, (C, cmd("PUBLISH", "news", "x")), (S, b":2\r\n")])
    assert [(f.op[:9], f.role, "server" if f.back else "client") for f in flows if f.role != "call"] == [
        ("HELLO", "setup", "client"),
        ("PING", "setup", "client"),
        ("MULTI", "setup", "client"),
        ("invalidat", "delivery", "server"),
        ("SUBSCRIBE", "subscribe", "client"),
        ("PUBLISH n", "message", "client"),
    ]


@given(splits(CONVERSATION), st.data())
def test_intercepting_at_times_changes_neither_flows_nor_bytes(pieces: list[Said], data: st.DataObject) -> None:
    dialogue = Dialogue(RedisSession())
    flows, sent = [], {C: b"", S: b""}
    for now, (side, piece) in enumerate(pieces):
        sent[side.other] += piece
        if dialogue.session.held() or data.draw(st.booleans()):
            before = len(dialogue.flows)
            dialogue.says(side, piece)
            flows += dialogue.flows[before:]
        else:
            flows += dialogue.session.observe(side, piece, float(now))
            dialogue.to[side.other] += piece
    dialogue.apply(dialogue.session.release())
    assert dialogue.to == sent
    assert seen(flows) == seen(observed(RedisSession(), CONVERSATION))


@given(garbage)
def test_garbage_passes_untouched(pieces: list[Said]) -> None:
    check_garbage(RedisSession, pieces)


@given(
    st.lists(
        st.tuples(st.sampled_from([C, S]), st.sampled_from([cmd("GET", "a"), OK, HI, b"*", b"$", b"3\r\n", b"\r\n"]))
    )
)
def test_nonsense_made_of_resp_passes_untouched(pieces: list[Said]) -> None:
    check_garbage(RedisSession, pieces)


def test_an_error_is_given_in_its_turn() -> None:
    dialogue = Dialogue(RedisSession(), striking('error READONLY on "SET *"'))
    dialogue.says(C, cmd("GET", "a") + cmd("SET", "a", "1") + cmd("GET", "b"))
    assert dialogue.to == {S: cmd("GET", "a") + cmd("GET", "b"), C: b""}
    dialogue.says(S, HI[:3])
    assert dialogue.session.held()
    dialogue.says(S, HI[3:] + HI)
    assert dialogue.to[C] == HI + b"-READONLY You can't write against a read only replica.\r\n" + HI
    assert [(f.op, f.status, f.outcome) for f in dialogue.flows] == [
        ("GET a", "hit", "ok"),
        ("SET a", "READONLY", "error"),
        ("GET b", "hit", "ok"),
    ]
    assert not dialogue.session.held()


def test_a_full_server_refuses_writes_only_and_a_loading_one_everything_but_the_handshake() -> None:
    asks = [cmd("HELLO", "3"), cmd("GET", "a"), cmd("SET", "a", "1"), cmd("CLIENT", "SETNAME", "x")]
    full = Dialogue(RedisSession(), striking("error OOM"))
    loading = Dialogue(RedisSession(), striking("error"))
    for ask in asks:
        full.says(C, ask)
        loading.says(C, ask)
    assert full.to[S] == asks[0] + asks[1] + asks[3]
    assert loading.to[S] == asks[0] + asks[3]


def test_an_error_in_a_transaction_aborts_it() -> None:
    dialogue = Dialogue(RedisSession(), striking('error on "INCR b"'))
    dialogue.says(C, cmd("MULTI") + cmd("INCR", "a") + cmd("INCR", "b")).says(S, OK + b"+QUEUED\r\n")
    assert dialogue.to[C].startswith(OK + b"+QUEUED\r\n-LOADING ")
    dialogue.says(C, cmd("EXEC"))
    assert dialogue.to[S] == cmd("MULTI") + cmd("INCR", "a") + DISCARD
    dialogue.says(S, OK).says(C, cmd("GET", "a")).says(S, HI)
    assert dialogue.to[C].endswith(ABORTED + HI)
    assert [(f.op, f.status) for f in dialogue.flows][-2:] == [("EXEC", "EXECABORT"), ("GET a", "hit")]
    assert not dialogue.session.held()


@pytest.mark.parametrize(
    ("ask", "resp2", "resp3"),
    [
        (cmd("GET", "a"), NIL, b"_\r\n"),
        (cmd("MGET", "a", "b"), b"*2\r\n" + NIL * 2, b"*2\r\n_\r\n_\r\n"),
        (cmd("HMGET", "a", "f"), b"*1\r\n" + NIL, b"*1\r\n_\r\n"),
        (cmd("HGETALL", "a"), b"*0\r\n", b"%0\r\n"),
        (cmd("EXISTS", "a"), b":0\r\n", b":0\r\n"),
    ],
)
def test_a_forced_miss(ask: bytes, resp2: bytes, resp3: bytes) -> None:
    dialogue = Dialogue(RedisSession(), striking("miss")).says(C, ask)
    assert dialogue.to == {S: b"", C: resp2}
    assert [(f.status, f.hit, f.faults) for f in dialogue.flows] == [("miss", False, ("f1",))]
    dialogue = Dialogue(RedisSession(), striking("miss"))
    dialogue.says(C, cmd("HELLO", "3")).says(S, b"%0\r\n").says(C, ask)
    assert dialogue.to[C] == b"%0\r\n" + resp3


def test_writes_and_transactions_are_never_missed() -> None:
    asks = cmd("SET", "a", "1") + cmd("MULTI") + cmd("GET", "a") + cmd("EXEC")
    assert Dialogue(RedisSession(), striking("miss")).says(C, asks).to == {S: asks, C: b""}


def test_link_faults_on_a_chosen_command() -> None:
    def effects(fault: str) -> list[object]:
        return list(Dialogue(RedisSession(), striking(fault)).says(C, cmd("GET", "user:7")).effects)

    ask = cmd("GET", "user:7")
    assert effects('latency 50ms on "GET user:*"') == [Send(S, ask, delay=0.05)]
    assert effects('blackhole on "GET user:*"') == [Stall("f1"), Send(S, ask)]
    assert effects('reset on "GET user:*"') == [Reset("f1")]
    assert effects('reset on "GET order:*"') == [Send(S, ask)]


def test_one_way_loses_the_reply_and_no_earlier_one() -> None:
    dialogue = Dialogue(RedisSession(), striking('one-way on "SET *"'))
    dialogue.says(C, cmd("GET", "a") + cmd("SET", "a", "1")).says(S, HI + OK)
    assert (
        dialogue.effects.index(Send(C, HI)) < dialogue.effects.index(Mute("f1")) < dialogue.effects.index(Send(C, OK))
    )


def test_a_command_too_large_to_hold_passes() -> None:
    dialogue = Dialogue(RedisSession(), striking("error OOM"))
    big = cmd("SET", "a", b"x" * (2 * HOLD_LIMIT))
    for start in range(0, len(big), 65536):
        dialogue.says(C, big[start : start + 65536])
    dialogue.says(C, cmd("SET", "b", "1"))
    assert dialogue.to[S] == big
    assert dialogue.session.held()


def test_a_command_that_began_before_interception_goes_on_as_it_comes() -> None:
    session = RedisSession()
    ask = cmd("SET", "a", "1")
    session.observe(C, ask[:9], 0.0)
    dialogue = Dialogue(session, striking("error OOM"))
    dialogue.says(C, ask[9:12]).says(C, ask[12:] + ask)
    assert dialogue.to[S] == ask[9:]


def test_an_error_never_comes_in_the_middle_of_a_push() -> None:
    dialogue = Dialogue(RedisSession(), striking('error on "GET *"'))
    dialogue.says(C, cmd("HELLO", "3")).says(S, b"%1\r\n+proto\r\n:3\r\n")
    dialogue.to[C] = b""
    dialogue.says(S, b">2\r\n$10\r\ninvali").says(C, cmd("GET", "k"))
    assert dialogue.to[C] == b">2\r\n$10\r\ninvali"
    dialogue.says(S, b"date\r\n*1\r\n$1\r\nk\r\n+late")
    assert dialogue.to[C].startswith(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n-LOADING ")
    assert dialogue.to[C].endswith(b"\r\n+late")


def test_a_command_typed_by_hand_may_end_in_a_line_feed_alone() -> None:
    flows = observed(RedisSession(), [(C, b"PING\nGET a\n"), (S, b"+PONG\r\n$1\r\nx\r\n")])
    assert [(f.op, f.status) for f in flows] == [("PING", "PONG"), ("GET a", "hit")]
    dialogue = Dialogue(RedisSession(), striking('error on "SET *"'))
    dialogue.says(C, b"PING\nGET").says(C, b" a\nSET a 1\n")
    assert dialogue.to[S] == b"PING\nGET a\n"
    assert not dialogue.gave_up
