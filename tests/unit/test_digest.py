"""The canonical digest: another implementation, written from its rules with hashlib alone, gives the same bytes."""

import datetime as dt
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.domain.digest import EMPTY_ROOT, Block, block_digests, digest, paired_digests, root_digest
from barledger.domain.intake import intake
from barledger.domain.rows import VALUES, Rows, constant, empty_rows
from barledger.domain.timeframe import DAY, HOUR, MINUTE, TIMEFRAMES, Timeframe
from barledger.testing.bars import days, rows

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAILY = Timeframe.of("1d")
NUMBERS = (*VALUES, "adjustment_factor")


# --- the rules, a second time ----------------------------------------------------------------------


def spelled_block(bars: Sequence[dict[str, Any]]) -> bytes:
    """Hash the bars of one block; a missing value is None."""
    text = b"barledger/block/1\n" + struct.pack("<Q", len(bars))
    text += b"time int64 ns\n\x01" + b"".join(struct.pack("<q", bar["time"]) for bar in bars)
    for name in NUMBERS:
        values = [bar.get(name) for bar in bars]
        text += f"{name} float64\n".encode() + (b"\x01" if any(value is not None for value in values) else b"\x00")
        if any(value is not None for value in values):
            text += b"".join(
                bytes.fromhex("000000000000f87f") if value is None else struct.pack("<d", value) for value in values
            )
    texts = [bar.get("source_id") for bar in bars]
    given_one = any(value is not None for value in texts)
    text += b"source_id string\n" + (b"\x01" if given_one else b"\x00")
    if given_one:
        encoded = [None if value is None else value.encode() for value in texts]
        text += b"".join(struct.pack("<q", -1 if value is None else len(value)) for value in encoded)
        text += b"".join(value for value in encoded if value is not None)
    return hashlib.sha256(text).digest()


def spelled_start(time: int, timeframe: str) -> int:
    """Find the start of a block with the calendar of the standard library."""
    day = (EPOCH + dt.timedelta(seconds=time // 10**9)).replace(hour=0, minute=0, second=0, microsecond=0)
    if timeframe[-1] == "h":
        day = day.replace(day=1)
    elif timeframe[-1] != "m":
        day = day.replace(day=1, month=1)
    return (day - EPOCH) // dt.timedelta(seconds=1) * 10**9


def spelled_digest(bars: Sequence[dict[str, Any]], timeframe: str) -> bytes:
    link = hashlib.sha256(b"barledger/root/1\n").digest()
    for start, block in groupby(bars, key=lambda bar: spelled_start(bar["time"], timeframe)):
        link = hashlib.sha256(link + struct.pack("<q", start) + spelled_block(list(block))).digest()
    return link


def as_rows(bars: Sequence[dict[str, Any]]) -> Rows:
    def floats(name: str) -> Any:
        return np.array([np.nan if bar.get(name) is None else bar[name] for bar in bars], np.float64)

    texts = np.empty(len(bars), np.object_)
    texts[:] = [bar.get("source_id") for bar in bars]
    return Rows(
        time=np.array([bar["time"] for bar in bars], np.int64),
        **{name: floats(name) for name in NUMBERS},
        source_id=texts,
        revision=constant(1, len(bars)),
        edition=constant(1, len(bars)),
    )


NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=4)


@st.composite
def bars_of(draw: st.DrawFn, timeframe: str, *, least: int = 0) -> list[dict[str, Any]]:
    """Draw bars on both sides of block borders and of the epoch."""
    step = {"m": HOUR * 5, "h": DAY * 9}.get(timeframe[-1], DAY * 120)
    places = draw(st.lists(st.integers(-8, 8), unique=True, min_size=least, max_size=6).map(sorted))
    return [
        {"time": place * step, **{name: draw(NUMBER) for name in NUMBERS}, "source_id": draw(TEXT)} for place in places
    ]


@pytest.mark.parametrize("timeframe", ["1m", "30m", "1h", "12h", "1d", "1w", "1M"])
@settings(max_examples=40)  # of each timeframe
@given(data=st.data())
def test_two_implementations_agree(timeframe: str, data: st.DataObject) -> None:
    bars = data.draw(bars_of(timeframe))
    assert digest(as_rows(bars), Timeframe.of(timeframe)) == spelled_digest(bars, timeframe)


@pytest.mark.parametrize(("timeframe", "step"), [("1m", 37 * MINUTE), ("4h", 12 * HOUR), ("1d", DAY)])
def test_two_implementations_agree_on_many_blocks(timeframe: str, step: int) -> None:
    many = rows([-300 * step + at * step for at in range(2000)])
    bars = [
        {"time": int(many.time[at]), **{name: float(getattr(many, name)[at]) for name in VALUES}}
        for at in range(len(many))
    ]
    assert digest(many, Timeframe.of(timeframe)) == spelled_digest(bars, timeframe)


def test_bars_that_are_worth_a_second_thread_have_the_digest_of_their_blocks() -> None:
    many = rows([at * MINUTE for at in range(210_000)])
    timeframe = Timeframe.of("1m")
    each_day = [
        block
        for first in range(0, len(many), 1440)
        for block in block_digests(many.pick(slice(first, first + 1440)), timeframe)
    ]
    assert block_digests(many, timeframe) == each_day


@pytest.mark.parametrize("timeframe", ["1m", "4h", "1d"])
@settings(max_examples=40)  # of each timeframe
@given(data=st.data())
def test_a_pair_of_states_has_the_digests_of_each(timeframe: str, data: st.DataObject) -> None:
    before = as_rows(data.draw(bars_of(timeframe)))
    rolled = data.draw(st.sets(st.sampled_from([*NUMBERS, "source_id"])))
    dropped = data.draw(st.sets(st.sampled_from(["adjustment_factor", "source_id"])))
    columns = {name: np.roll(getattr(before, name), 1) for name in rolled} | dict.fromkeys(dropped)
    after = replace(before, **columns)
    one = Timeframe.of(timeframe)
    assert paired_digests(before, after, one) == (block_digests(before, one), block_digests(after, one))


def test_a_pair_of_states_with_other_times_has_the_digests_of_each() -> None:
    before, after = rows(days(0, 800)), rows(days(5, 900))
    expected = block_digests(before, DAILY), block_digests(after, DAILY)
    assert paired_digests(before, after, DAILY) == expected


def test_a_pair_that_is_worth_a_second_thread_has_the_digests_of_each() -> None:
    before, minute = rows([at * MINUTE for at in range(210_000)]), Timeframe.of("1m")
    after = replace(before, volume=before.volume + 1)
    assert paired_digests(before, after, minute) == (block_digests(before, minute), block_digests(after, minute))


# --- golden values -----------------------------------------------------------------------------------

GOLDEN_BARS = [
    {"time": 0, "open": 1.0, "high": 2.5, "low": 0.5, "close": 1.25, "volume": 1000.0},
    {"time": DAY, "open": 1.25, "high": 3.0, "low": 1.0, "close": 2.0, "volume": None},
    {"time": 366 * DAY, "open": 2.0, "high": 2.0, "low": 0.1, "close": 0.1, "volume": 0.0},
]
GOLDEN_NOTED = [
    {**bar, "adjustment_factor": factor, "source_id": text}
    for bar, factor, text in zip(GOLDEN_BARS, [None, 0.5, None], ["a1", None, "Ünï"], strict=True)
]


def test_golden_digests_never_change() -> None:
    found = {
        "nothing": EMPTY_ROOT.hex(),
        "bars": digest(as_rows(GOLDEN_BARS), DAILY).hex(),
        "bars with notes": digest(as_rows(GOLDEN_NOTED), DAILY).hex(),
        "hours": digest(as_rows(GOLDEN_BARS[:2]), Timeframe.of("1h")).hex(),
    }
    assert found == {
        "nothing": "7f4d5b752642d3d99d344b3c6a6ea4f3dd5678e603957c9e4db1f4fefcaba843",
        "bars": "9548965565458f233cb17db2986107dc1bf2e0b22dd00dcd468d078e5c2e0dd9",
        "bars with notes": "213624f38bb68580185575c78a12539c1468b82bd495df2c9a0def0b5e624cf1",
        "hours": "92db6816161c8187d4735b6d17c856e6e8a6e5137e0e94cc0de0693cc8004501",
    }


def test_no_bars_have_the_empty_root() -> None:
    assert digest(empty_rows(), DAILY) == EMPTY_ROOT
    assert block_digests(empty_rows(), DAILY) == []


# --- what the digest does not depend on ----------------------------------------------------------------


def test_every_library_gives_the_same_digest() -> None:
    frame = pd.DataFrame(GOLDEN_NOTED).assign(time=lambda one: pd.to_datetime(one["time"], utc=True))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    forms = {
        "pandas": frame,
        "pandas by index": frame.set_index("time"),
        "pandas in microseconds": frame.assign(time=frame["time"].dt.as_unit("us")),
        "pandas nullable": frame.convert_dtypes(),
        "pandas on Arrow": frame.convert_dtypes(dtype_backend="pyarrow"),
        "pyarrow": table,
        "pyarrow batches": pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=2)),
        "polars": pl.DataFrame(table),
        "polars lazily": pl.DataFrame(table).lazy(),
        "mappings": [bar | {"time": EPOCH + dt.timedelta(microseconds=bar["time"] // 1000)} for bar in GOLDEN_NOTED],
    }
    found = {name: digest(intake(form, DAILY).rows, DAILY) for name, form in forms.items()}
    assert found == dict.fromkeys(forms, spelled_digest(GOLDEN_NOTED, "1d"))


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8DEADBEEF0000, 0x7FF0000000000001])
def test_one_missing_value_is_as_good_as_another(bits: int) -> None:
    frame = pd.DataFrame(GOLDEN_BARS).assign(time=lambda one: pd.to_datetime(one["time"], utc=True))
    volume = frame["volume"].to_numpy(copy=True)
    volume.view(np.uint64)[1] = bits
    read = intake(frame.assign(volume=volume), DAILY).rows
    assert digest(read, DAILY) == spelled_digest(GOLDEN_BARS, "1d")


def test_a_negative_zero_is_zero() -> None:
    frame = pd.DataFrame(GOLDEN_BARS).assign(time=lambda one: pd.to_datetime(one["time"], utc=True))
    frame.loc[2, "volume"] = -0.0
    assert digest(intake(frame, DAILY).rows, DAILY) == spelled_digest(GOLDEN_BARS, "1d")


def test_bookkeeping_is_no_part_of_the_digest() -> None:
    one = rows(days(0, 9))
    other = one.stamped(revision=77, edition=5, superseded_at=99)
    assert digest(one, DAILY) == digest(other, DAILY)


def test_a_column_that_is_wholly_missing_is_as_good_as_none() -> None:
    plain = rows(days(0, 9))
    texts = np.full(9, None, np.object_)
    missing = replace(plain, adjustment_factor=np.full(9, np.nan), source_id=texts)
    assert digest(missing, DAILY) == digest(plain, DAILY)


def test_memory_layout_does_not_matter() -> None:
    plain = rows(days(0, 9))
    wide = np.zeros((9, 3))
    wide[:, 1] = plain.close
    strided = replace(plain, close=wide[:, 1], time=plain.time.astype(">i8"))
    assert digest(strided, DAILY) == digest(plain, DAILY)


@given(st.permutations(range(5)))
def test_blocks_are_digested_apart_whatever_order_they_come_in(order: list[int]) -> None:
    years = [rows(days(365 * year + 10, 365 * year + 14), seed=year) for year in range(5)]
    apart = [block for year in order for block in block_digests(years[year], DAILY)]
    together = Rows(
        **{
            name: np.concatenate([getattr(year, name) for year in years])
            for name in ("time", *VALUES, "revision", "edition")
        }
    )
    assert sorted(apart) == block_digests(together, DAILY)


@given(st.integers(0, 6))
def test_a_root_goes_on_from_the_link_before(cut: int) -> None:
    blocks = [Block(start=at * DAY, rows=1, digest=bytes([at]) * 32) for at in range(6)]
    assert root_digest(blocks[cut:], after=root_digest(blocks[:cut])) == root_digest(blocks)


# --- what it does depend on ------------------------------------------------------------------------------


@given(data=st.data())
def test_any_single_changed_value_changes_the_digest(data: st.DataObject) -> None:
    bars = data.draw(bars_of("1d", least=1))
    at = data.draw(st.integers(0, len(bars) - 1))
    name = data.draw(st.sampled_from(["time", *NUMBERS, "source_id"]))
    kinds = {"time": st.just(bars[at]["time"] + 1), "source_id": TEXT}
    other = data.draw(kinds.get(name, NUMBER).filter(lambda value: value != bars[at][name]))
    changed = [*bars[:at], {**bars[at], name: other}, *bars[at + 1 :]]
    assert digest(as_rows(changed), DAILY) != digest(as_rows(bars), DAILY)


@given(data=st.data())
def test_a_bar_that_is_left_out_changes_the_digest(data: st.DataObject) -> None:
    bars = data.draw(bars_of("1d", least=1))
    at = data.draw(st.integers(0, len(bars) - 1))
    assert digest(as_rows(bars[:at] + bars[at + 1 :]), DAILY) != digest(as_rows(bars), DAILY)


def test_one_bit_of_one_price_changes_its_block_and_no_other() -> None:
    one = rows(days(0, 800))
    close = one.close.copy()
    close.view(np.uint64)[400] ^= 1
    before, after = block_digests(one, DAILY), block_digests(replace(one, close=close), DAILY)
    assert [left == right for left, right in zip(before, after, strict=True)] == [True, False, True]


def test_texts_do_not_run_into_each_other() -> None:
    def of(*texts: str | None) -> bytes:
        return digest(as_rows([{"time": at * DAY, "source_id": text} for at, text in enumerate(texts)]), DAILY)

    assert len({of("ab", "c"), of("a", "bc"), of("abc", ""), of("abc", None), of(None, "abc"), of("", "abc")}) == 6


def test_swapped_columns_change_the_digest() -> None:
    one = rows(days(0, 3))
    assert digest(replace(one, high=one.low, low=one.high), DAILY) != digest(one, DAILY)


# --- borders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeframe", "border", "step"),
    [
        ("1m", "2024-02-29", MINUTE),
        ("30m", "1970-01-01", 30 * MINUTE),
        ("1h", "2024-03-01", HOUR),
        ("12h", "1969-12-01", 12 * HOUR),
        ("1d", "2025-01-01", DAY),
        ("3d", "1970-01-01", 3 * DAY),
    ],
)
def test_a_block_ends_where_its_day_month_or_year_ends(timeframe: str, border: str, step: int) -> None:
    at = int(pd.Timestamp(border, tz="UTC").value)
    blocks = block_digests(rows([at - 2 * step, at - step, at, at + step]), Timeframe.of(timeframe))
    assert [block.rows for block in blocks] == [2, 2]
    assert blocks[1].start == at


def test_every_timeframe_has_its_kind_of_block() -> None:
    kinds = {kind: [one.name for one in TIMEFRAMES.values() if one.block == kind] for kind in ("day", "month", "year")}
    assert kinds == {
        "day": ["1m", "3m", "5m", "15m", "30m"],
        "month": ["1h", "2h", "4h", "6h", "8h", "12h"],
        "year": ["1d", "3d", "1w", "1M"],
    }
