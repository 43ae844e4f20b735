"""Field tables stay to the bit, and no bytes break their reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engines.amqp.core.table import DEEPEST, BadTable, Field, Table, decode_table, encode_table

names = st.text(alphabet="abc.-_é", max_size=20)
fields: st.SearchStrategy[Field] = st.recursive(
    st.one_of(
        st.builds(Field, st.just("t"), st.booleans()),
        st.builds(Field, st.just("b"), st.integers(-128, 127)),
        st.builds(Field, st.just("B"), st.integers(0, 255)),
        st.builds(Field, st.just("s"), st.integers(-(2**15), 2**15 - 1)),
        st.builds(Field, st.just("u"), st.integers(0, 2**16 - 1)),
        st.builds(Field, st.just("I"), st.integers(-(2**31), 2**31 - 1)),
        st.builds(Field, st.just("i"), st.integers(0, 2**32 - 1)),
        st.builds(Field, st.just("l"), st.integers(-(2**63), 2**63 - 1)),
        st.builds(Field, st.just("T"), st.integers(0, 2**63)),
        st.builds(Field, st.just("d"), st.floats(allow_nan=False)),
        st.builds(Field, st.just("D"), st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1))),
        st.builds(Field, st.sampled_from("Sx"), st.binary(max_size=40)),
        st.just(Field("V", None)),
    ),
    lambda inner: st.one_of(
        st.builds(Field, st.just("A"), st.lists(inner, max_size=4)),
        st.builds(Field, st.just("F"), st.dictionaries(names, inner, max_size=4)),
    ),
    max_leaves=12,
)
tables: st.SearchStrategy[Table] = st.dictionaries(names, fields, max_size=5)


@given(tables)
def test_tables_survive(table: Table) -> None:
    encoded = encode_table(table)
    assert decode_table(encoded) == (table, len(encoded))


@given(st.binary(max_size=60))
def test_no_bytes_break_the_table_reader(data: bytes) -> None:
    try:
        decode_table(data)
    except BadTable:
        pass


@pytest.mark.parametrize("tag", ["A", "F"])
@pytest.mark.parametrize("levels", [1, DEEPEST, DEEPEST + 1, 700, 50_000])
def test_what_is_read_can_be_written(tag: str, levels: int) -> None:
    """Headers nested 700 deep were read once and could not be written when their message died."""
    value = b"V"
    for _ in range(levels):
        inner = b"\x01a" + value if tag == "F" else value
        value = tag.encode() + len(inner).to_bytes(4, "big") + inner
    data = (len(value) + 2).to_bytes(4, "big") + b"\x01h" + value
    if levels > DEEPEST:
        with pytest.raises(BadTable, match="deep"):
            decode_table(data)
    else:
        assert encode_table(decode_table(data)[0]) == data
