"""The decoder of answers: any rows, in messages cut anywhere, come out as they went in."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.influxdb.msgpack import Decoder, Unreadable

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INTS = st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 300)
TEXTS = st.text(max_size=40) | st.text(min_size=250, max_size=300)


def packed(value: Any) -> bytes:
    """Encode a value as InfluxDB does, each in the shortest form."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, int):
        return packed_int(value)
    if isinstance(value, str):
        data = value.encode()
        return packed_head(0xA0, 32, (0xD9, 0xDA, 0xDB), len(data)) + data
    if isinstance(value, dict):
        head = packed_head(0x80, 16, (None, 0xDE, 0xDF), len(value))
        return head + b"".join(packed(part) for pair in value.items() for part in pair)
    return packed_head(0x90, 16, (None, 0xDC, 0xDD), len(value)) + b"".join(map(packed, value))


def packed_int(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack("b", value)
    forms = [(0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")]
    if value > 0:
        forms = [(0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xD3, ">q")]
    for tag, form in forms:
        try:
            return bytes([tag]) + struct.pack(form, value)
        except struct.error:
            continue
    raise OverflowError(value)


def packed_head(short: int, most: int, long: tuple[int | None, int, int], size: int) -> bytes:
    if size < most:
        return bytes([short | size])
    if long[0] is not None and size < 1 << 8:
        return bytes([long[0], size])
    return bytes([long[1]]) + struct.pack(">H", size) if size < 1 << 16 else bytes([long[2]]) + struct.pack(">I", size)


def message(columns: list[str], rows: list[Any], *, statement: int = 0, partial: bool = False) -> bytes:
    series = {"name": "market_data", "columns": columns, "values": rows} | ({"partial": True} if partial else {})
    result = {"statement_id": statement, "series": [series]} | ({"partial": True} if partial else {})
    return packed({"results": [result]})


def decoded(data: bytes, piece: int) -> Decoder:
    decoder = Decoder()
    for start in range(0, len(data), piece):
        decoder.feed(data[start : start + piece])
    return decoder


ROWS = st.lists(st.tuples(INTS, FLOATS | st.none(), INTS | st.none(), TEXTS | st.none()), max_size=12)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(1, 300))
def test_mixed_rows_in_messages_cut_anywhere_come_out_as_they_went_in(messages: list[Any], piece: int) -> None:
    columns = ["time", "open", "edition", "source_id"]
    last = len(messages) - 1
    data = b"".join(message(columns, rows, partial=at < last) for at, rows in enumerate(messages))
    decoder = decoded(data, piece)
    assert decoder.complete
    assert decoder.answered == {0}
    check(decoder, [row for rows in messages for row in rows])


def check(decoder: Decoder, rows: list[Any]) -> None:
    if not rows:
        assert not decoder.tables
        return
    table = decoder.tables[0]
    for at, (name, kind) in enumerate([("time", int), ("open", float), ("edition", int), ("source_id", object)]):
        column = table.column(name, kind)
        wanted = [row[at] for row in rows]
        assert [
            None if gone else value for value, gone in zip(column.values.tolist(), column.gaps, strict=True)
        ] == wanted


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 800), st.integers(50, 5000), st.sampled_from([0, 120, 250, 70_000]))
def test_even_rows_come_out_as_they_went_in_whatever_their_integers_take(size: int, piece: int, first: int) -> None:
    rows = [(1_700_000_000_000_000_000 + at, at / 7, first + at, None) for at in range(size)]
    decoder = decoded(message(["time", "open", "edition", "source_id"], rows), piece)
    table = decoder.tables[0]
    assert decoder.complete
    np.testing.assert_array_equal(table.column("time", np.int64).values, [row[0] for row in rows])
    np.testing.assert_array_equal(table.column("open", np.float64).values, [row[1] for row in rows])
    np.testing.assert_array_equal(table.column("edition", np.int64).values, [row[2] for row in rows])
    assert table.column("source_id", object).gaps.all()


def test_rows_of_many_columns_have_a_longer_header() -> None:
    columns = [f"c{at}" for at in range(20)]
    rows = [tuple(float(at) for at in range(20)), (None,) * 20]
    table = decoded(message(columns, rows), 7).tables[0]
    assert table.column("c19", float).values[0] == 19.0
    assert np.isnan(table.column("c0", float).values[1])


def test_statements_are_kept_apart() -> None:
    data = message(["time"], [(1,)], statement=0) + packed({"results": [{"statement_id": 1}]})
    decoder = decoded(data + message(["time"], [(2,), (3,)], statement=2), 5)
    assert {number: table.column("time", int).values.tolist() for number, table in decoder.tables.items()} == {
        0: [1],
        2: [2, 3],
    }
    assert decoder.answered == {0, 1, 2}


def test_an_error_is_seen_also_behind_rows() -> None:
    data = message(["time"], [(1,)], partial=True) + packed({"results": [{"statement_id": 0, "error": "timeout"}]})
    assert decoded(data, 1000).errors == ["timeout"]
    assert decoded(packed({"error": "database not found"}), 3).errors == ["database not found"]


@given(st.integers(1, 200))
def test_an_answer_that_ends_too_early_is_never_complete(kept: int) -> None:
    data = message(["time", "open"], [(at, at / 3) for at in range(20)])
    assert kept >= len(data) or not decoded(data[:kept], 1000).complete


def test_a_chunk_that_announces_another_is_not_the_end() -> None:
    assert not decoded(message(["time"], [(1,)], partial=True), 1000).complete


@pytest.mark.parametrize("data", [b"\xc1", b"<html>", b"\x01", message(["time"], [(1, 2)])])
def test_bytes_that_are_no_answer_are_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        decoded(data, 1000)
