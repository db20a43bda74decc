"""The manifest of a snapshot is canonical JSON, though it is put together by hand."""

import hashlib
from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import TIMEFRAMES
from barledger.ledger.contract import Pin
from barledger.ledger.sql.pins import data_hash, manifest, told

NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
TIMES = st.integers(BEGINNING, END_OF_TIME)
PINS = st.builds(
    lambda series, ends, revision, rows, digest: Pin(
        series=series, interval=Interval(*sorted(ends)), revision=revision, rows=rows, digest=digest
    ),
    st.builds(
        Series,
        instrument=NAMES,
        timeframe=st.sampled_from(list(TIMEFRAMES.values())),
        source=NAMES,
        is_adjusted=st.booleans(),
    ),
    st.tuples(TIMES, TIMES),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | st.binary(min_size=32, max_size=32),
)


def spelled(pin: Pin) -> dict[str, Any]:
    return {
        "instrument": pin.series.instrument,
        "timeframe": pin.series.timeframe.name,
        "source": pin.series.source,
        "is_adjusted": pin.series.is_adjusted,
        "start": str(pin.interval.start),
        "end": str(pin.interval.end),
        "revision": str(pin.revision),
        "rows": str(pin.rows),
        "digest": "" if pin.digest is None else pin.digest.hex(),
    }


@given(PINS)
def test_a_pin_is_what_rfc_8785_makes_of_its_members(pin: Pin) -> None:
    assert manifest(pin).text.encode() == rfc8785.dumps(spelled(pin))


@given(st.lists(PINS, max_size=4))
def test_the_data_hash_is_over_what_rfc_8785_makes_of_the_manifest(pins: list[Pin]) -> None:
    whole = {"format": "barledger/manifest/1", "pins": [spelled(pin) for pin in pins]}
    assert data_hash(told(pins)) == hashlib.sha256(rfc8785.dumps(whole)).hexdigest()
