"""Line protocol: what is written is what a reader of line protocol finds."""

import re
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.rows import NEVER, VALUES, Rows, constant
from barledger.domain.series import Series
from barledger.errors import InvalidName
from barledger.stores.contract import Batch, Mark, Record
from barledger.stores.influx.layout import BITS, SUPERSEDED, WITHDRAWN
from barledger.stores.influx.line_protocol import bodies, mark_line, record_line, revision_line, series_key

AAPL = Series.of("AAPL", "1d", "desk")
PLAIN_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
PRICES = st.floats(allow_nan=True, allow_infinity=False).map(lambda value: value + 0.0)


def rows_of(bars: list[tuple[float, ...]], **columns: Any) -> Rows:
    size = len(bars)
    table = np.array(bars, np.float64).reshape(size, 5)
    given = {
        "time": np.arange(size, dtype=np.int64) * 1000,
        "revision": constant(7, size),
        "edition": constant(1, size),
    }
    return Rows(**{name: table[:, at].copy() for at, name in enumerate(VALUES)}, **(given | columns))


def lines(batches: list[Batch], **options: Any) -> list[str]:
    """Return the lines, sorted as bodies may order them by what they lack."""
    return sorted(line for body in bodies(batches, **options) for line in body.decode().splitlines())


def fields_of(line: str) -> dict[str, Any]:
    """Read the fields of a line without texts in it, in the plainest way."""
    return {
        name: int(value[:-1]) if value.endswith("i") else float(value)
        for name, value in (part.split("=") for part in line.split(" ")[1].split(","))
    }


@given(st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES, PRICES), min_size=1, max_size=30))
def test_every_float_arrives_bit_for_bit_and_a_missing_one_is_left_out(bars: list[tuple[float, ...]]) -> None:
    found = sorted(lines([Batch(series=AAPL, layer="latest", rows=rows_of(bars))]), key=lambda x: int(x.split(" ")[2]))
    for at, (line, bar) in enumerate(zip(found, bars, strict=True)):
        fields = fields_of(line)
        assert int(line.split(" ")[2]) == at * 1000
        for name, value in zip(VALUES, bar, strict=True):
            if np.isnan(value):
                assert name not in fields
                assert fields["nulls"] & BITS[name]
            else:
                assert struct.pack("<d", fields[name]) == struct.pack("<d", value)
                assert not fields["nulls"] & BITS[name]


def test_a_plain_bar_is_one_line_with_all_its_tags_and_stamps() -> None:
    rows = rows_of([(100.0, 101.5, 99.25, 100.1, 1e6)])
    (line,) = lines([Batch(series=AAPL, layer="latest", rows=rows)])
    assert line.split(" ") == [
        "market_data,instrument=AAPL,is_adjusted=false,source=desk,timeframe=1d,version=latest",
        "open=100,high=101.5,low=99.25,close=100.1,volume=1000000,revision=7i,edition=1i,nulls=96i",
        "0",
    ]


def test_bookkeeping_goes_into_integers_and_bits() -> None:
    rows = rows_of(
        [(1.0, 1.0, 1.0, 1.0, 1.0), (np.nan,) * 5],
        withdrawn=np.array([False, True]),
        superseded_at=np.array([9, NEVER]),
        edition=np.array([1, 2]),
    )
    kept, gone = (fields_of(line) for line in lines([Batch(series=AAPL, layer="edition_1", rows=rows)]))
    assert kept["superseded_at"] == 9
    assert kept["nulls"] == 96 | SUPERSEDED
    assert gone == {"revision": 7, "edition": 2, "nulls": 127 | WITHDRAWN}


def test_texts_are_quoted_and_a_missing_one_is_not_an_empty_one() -> None:
    texts = np.array(['a "b"\\', "", None], object)
    found = lines([Batch(series=AAPL, layer="latest", rows=rows_of([(1.0,) * 5] * 3, source_id=texts))])
    assert ['source_id="a \\"b\\"\\\\"' in line for line in found].count(True) == 1
    assert ['source_id=""' in line for line in found].count(True) == 1
    assert ["source_id" in line for line in found].count(True) == 2


def test_text_that_is_no_unicode_is_refused() -> None:
    rows = rows_of([(1.0,) * 5], source_id=np.array(["\ud800"], object))
    with pytest.raises(InvalidName):
        lines([Batch(series=AAPL, layer="latest", rows=rows)])


@given(st.lists(st.integers(0, 7), max_size=6), st.integers(1, 5))
def test_batches_share_bodies_of_limited_length_and_keep_their_own_tags(sizes: list[int], most: int) -> None:
    batches = [
        Batch(series=Series.of(f"S{at}", "1d", "desk"), layer="latest", rows=rows_of([(1.0,) * 5] * size))
        for at, size in enumerate(sizes)
    ]
    made = list(bodies(batches, lines=most))
    assert all(0 < body.count(b"\n") <= most for body in made)
    owners = re.findall(r"instrument=S(\d+),", b"".join(made).decode())
    assert sorted(owners) == sorted(str(at) for at, size in enumerate(sizes) for _ in range(size))


@pytest.mark.parametrize("layer", ["", "a\\", "a\nb", "\t"])
def test_a_layer_that_no_tag_can_hold_is_refused_before_anything_is_sent(layer: str) -> None:
    with pytest.raises(InvalidName):
        series_key(AAPL, layer)


def test_names_are_escaped() -> None:
    key = series_key(Series.of('A "B", c=d', "1d", "a\\b"), "x")
    assert key == 'market_data,instrument=A\\ "B"\\,\\ c\\=d,is_adjusted=false,source=a\\b,timeframe=1d,version=x'


def test_a_record_keeps_its_types_and_leaves_empty_tags_out() -> None:
    record = Record(
        measurement="data audit",
        tags={"snapshot_id": "a b", "strategy_id": ""},
        fields={"hash": 'x"y', "count": 3, "ratio": 0.5, "held": True, "none": float("nan")},
        time=5,
    )
    assert record_line(record) == b'data\\ audit,snapshot_id=a\\ b hash="x\\"y",count=3i,ratio=0.5,held=true 5\n'


def test_the_mark_lies_in_the_year_2200() -> None:
    time = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
    mark = mark_line(Mark(ledger_id='l"1', revision=3))
    assert mark == f'barledger_meta ledger_id="l\\"1",revision=3i {time}\n'.encode()
    assert revision_line(4) == f"barledger_meta revision=4i {time}\n".encode()
