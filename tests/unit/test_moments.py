"""Times and rows as text formats write them."""

import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis.strategies import characters, floats, integers, lists, none, text, tuples

from barledger.api.formats.moments import moments
from barledger.api.formats.values import as_text, rows, spelled

SECONDS = integers(-9_214_560_000, 9_214_646_399)


@given(lists(SECONDS, max_size=20))
def test_moments_are_spelled_as_numpy_does(listed: list[int]) -> None:
    seconds = np.array(listed, np.int64)
    naive = np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()
    assert moments(seconds, zone="").to_pylist() == naive
    assert moments(seconds, zone="Z").to_pylist() == [f"{one}Z" for one in naive]


@given(
    lists(
        tuples(
            SECONDS, none() | floats(allow_infinity=False, allow_nan=False), none() | text(characters(codec="utf-8"))
        )
    )
)
def test_rows_are_the_json_that_a_careful_writer_writes(listed: list[tuple[int, float | None, str | None]]) -> None:
    table = pa.table(
        {
            "time": pa.array([one[0] * 10**9 for one in listed], pa.timestamp("ns", "UTC")),
            "a %b": pa.array([one[1] for one in listed], pa.float64()),
            "text": pa.array([one[2] for one in listed], pa.string()),
            "revision": pa.array(range(len(listed)), pa.int64()),
        }
    )
    expected: list[dict[str, Any]] = [
        {"time": moments(np.array([at]), zone="Z").to_pylist()[0], "a %b": value, "text": word, "revision": str(place)}
        for place, (at, value, word) in enumerate(listed)
    ]
    found = rows(spelled(table, "rfc3339", big=as_text))
    assert [json.loads(row) for row in found] == expected
    assert found == [orjson.dumps(row) for row in expected]


@pytest.mark.parametrize(("nanoseconds", "told"), [(1, "1970-01-01T00:00:00.000000001Z"), (0, "1970-01-01T00:00:00Z")])
def test_decimals_are_told_where_they_say_something(nanoseconds: int, told: str) -> None:
    table = pa.table({"time": pa.array([nanoseconds], pa.timestamp("ns", "UTC"))})
    assert spelled(table, "rfc3339", big=as_text).to_pydict() == {"time": [told]}
