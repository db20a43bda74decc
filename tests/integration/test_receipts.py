"""Receipts: what a strategy was shown, when, at which revision and with which digest."""

import datetime as dt
from pathlib import Path

import pytest

import barledger
from barledger import BarLedger
from barledger.domain.interval import format_time, parse_time
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidName, InvalidSetting, ReadOnly
from barledger.services.audit.receipts import last_instant
from libraries import TurnableClock, frame

DESK = {"source": "desk"}
LIVE = {"purpose": "live", "strategy": "momentum-7"}


@pytest.fixture
def bl(anywhere: BarLedger) -> BarLedger:
    anywhere.write("AAPL", "1d", frame(range(10)), **DESK)
    anywhere.write("IBM", "1d", frame(range(5)), **DESK)
    return anywhere


def test_a_read_leaves_nothing_unless_it_is_asked_to(bl: BarLedger) -> None:
    before = len(bl.audit)
    bars = bl.bars("AAPL", "1d")
    assert len(bl.audit) == before
    assert "receipt" not in bars.provenance
    assert bl.audit.receipts(strategy="momentum-7") == []


def test_a_receipt_says_what_was_shown(bl: BarLedger) -> None:
    bars = bl.bars("AAPL", "1d", start="1970-01-03", end="1970-01-06", **LIVE)
    (receipt,) = bl.audit.receipts(strategy="momentum-7")
    (shown,) = receipt.shown
    assert (receipt.strategy, receipt.purpose, receipt.actor) == ("momentum-7", "live", "tester")
    assert (shown.instrument, shown.timeframe, shown.sources, shown.rows) == ("AAPL", "1d", ("desk",), 3)
    assert (shown.revision, shown.digest, shown.version) == (bars.revision, bars.digest, "latest")
    assert (format_time(shown.first), format_time(shown.last)) == ("1970-01-03T00:00:00Z", "1970-01-05T00:00:00Z")
    assert bars.provenance["receipt"] == {
        "entry": str(receipt.sequence),
        "time": format_time(receipt.time),
        "strategy": "momentum-7",
        "purpose": "live",
        "digests": {"AAPL 1d": bars.digest},
    }
    assert bars.df.attrs["receipt"] == bars.provenance["receipt"]
    assert bl.audit.prove(receipt.sequence).ok
    assert f"revision {bars.revision}" in str(receipt)
    entry = bl.audit.entries(series=bars.series[0])[-1]
    assert (entry.sequence, entry.operation, entry.data["purpose"]) == (receipt.sequence, "read", "live")


def test_what_was_shown_at_a_moment_is_told_even_after_it_was_corrected(bl: BarLedger, clock: TurnableClock) -> None:
    clock.turn(1)
    first = bl.bars("AAPL", "1d", **LIVE)
    other = bl.bars("IBM", "1d", **LIVE)
    clock.turn(1)
    bl.write("AAPL", "1d", frame(range(10), 200.0), **DESK)
    later = bl.bars("AAPL", "1d", **LIVE)
    now, earlier = bl.vault.ledger.now(), later.provenance["receipt"]["time"]
    yesterday = parse_time(earlier) - 12 * 3_600_000_000_000
    assert [one.shown[0].digest for one in bl.audit.receipts(strategy="momentum-7", at=yesterday)] == [
        first.digest,
        other.digest,
    ]
    assert [one.shown[0].digest for one in bl.audit.receipts(strategy="momentum-7", at=now)] == [
        other.digest,
        later.digest,
    ]
    minute = earlier[:16] + "Z"
    assert [one.shown[0].digest for one in bl.audit.receipts(strategy="momentum-7", at=minute)] == [
        other.digest,
        later.digest,
    ]
    assert bl.audit.receipts(strategy="momentum-7", at="1990-01-01") == []
    assert [one.shown[0].digest for one in bl.audit.receipts(strategy="momentum-7", start=yesterday)] == [later.digest]
    assert len(bl.audit.receipts(strategy="momentum-7", end=yesterday)) == 2
    assert len(bl.audit.receipts(strategy="momentum-7")) == 3
    assert bl.audit.receipts(strategy="another") == []
    # What it was shown can still be read, and is the same.
    again = bl.bars("AAPL", "1d", version=first.revision)
    assert again.digest == first.digest


def test_several_series_are_one_receipt(bl: BarLedger) -> None:
    found = bl.retrieval.bars_of(["AAPL", "IBM"], "1d", **LIVE)
    (receipt,) = bl.audit.receipts(strategy="momentum-7")
    assert [(one.instrument, one.digest) for one in receipt.shown] == [
        ("AAPL", found["AAPL"].digest),
        ("IBM", found["IBM"].digest),
    ]
    assert found["AAPL"].provenance["receipt"] == found["IBM"].provenance["receipt"] == receipt.note


def test_a_panel_leaves_a_receipt_of_the_bars_of_which_it_is_made(bl: BarLedger) -> None:
    plain = bl.retrieval.panel(["AAPL", "IBM"], "1d", field="close")
    frame_ = bl.retrieval.panel(["AAPL", "IBM"], "1d", field="close", **LIVE)
    assert frame_.equals(plain)
    (receipt,) = bl.audit.receipts(strategy="momentum-7")
    assert frame_.attrs["panel"]["receipt"] == receipt.note
    assert receipt.shown[0].digest == bl.bars("AAPL", "1d").digest
    assert "receipt" not in plain.attrs["panel"]


def test_a_snapshot_and_an_empty_answer_have_receipts_too(bl: BarLedger) -> None:
    snap = bl.snapshot("AAPL", "1d")
    bl.bars("AAPL", "1d", version=snap.id, strategy="momentum-7")
    bl.bars("AAPL", "1d", start="1999-01-01", strategy="momentum-7", last=1)
    pinned, empty = bl.audit.receipts(strategy="momentum-7")
    assert (pinned.shown[0].version, pinned.purpose) == (snap.id, "")
    assert (empty.shown[0].rows, empty.shown[0].first) == (0, 0)
    assert str(empty)


def test_a_receipt_of_adjusted_bars_is_of_what_was_shown(bl: BarLedger) -> None:
    bl.write("SPLIT", "1d", frame(range(100, 140)), source="desk")
    bl.actions.add("SPLIT", "split", 120 * DAY, value=2)
    shown = bl.bars("SPLIT", "1d", adjust="total", strategy="momentum-7", purpose="live")
    beside = bl.bars("SPLIT", "1d", include_adjusted=True, strategy="momentum-8")
    (receipt,) = bl.audit.receipts(strategy="momentum-7")
    (one,) = receipt.shown
    assert (one.adjustment, one.digest, one.adjusted_digest) == ("total", shown.digest, "")
    assert format_time(one.known_at) == shown.provenance["adjusted"]["known_at"]
    assert "adjusted (total)" in str(receipt)
    (other,) = bl.audit.receipts(strategy="momentum-8")[0].shown
    assert (other.digest, other.adjusted_digest) == (beside.digest, shown.digest)
    assert other.digest != other.adjusted_digest
    # Events that came later change what is shown now, and not what was shown then.
    bl.actions.add("SPLIT", "split", 130 * DAY, value=5)
    assert bl.bars("SPLIT", "1d", adjust="total").digest != one.digest
    again = bl.bars("SPLIT", "1d", adjust=one.adjustment, version=format_time(receipt.time))
    assert again.digest == one.digest
    stored = bl.bars("SPLIT", "1d", version=one.revision)
    assert (stored.digest, one.revision) == (other.digest, other.revision)


def test_resampled_bars_say_of_what_they_are_made(bl: BarLedger) -> None:
    bars = bl.bars("AAPL", "1d", **LIVE)
    weekly = bars.resample("1w", partial="keep")
    assert weekly.provenance["receipt"]["digests"] == {"AAPL 1d": weekly.provenance["resampled"]["digest"]}


def test_a_receipt_is_for_somebody(bl: BarLedger) -> None:
    with pytest.raises(InvalidSetting, match="strategy="):
        bl.bars("AAPL", "1d", purpose="live")
    for wrong in ("", "a\nb"):
        with pytest.raises(InvalidName):
            bl.bars("AAPL", "1d", strategy=wrong)
        with pytest.raises(InvalidName):
            bl.bars("AAPL", "1d", strategy="s", purpose=wrong)
        with pytest.raises(InvalidName):
            bl.audit.receipts(strategy=wrong)
    with pytest.raises(InvalidSetting, match="moment"):
        bl.audit.receipts(strategy="s", at="2020-01-01", end="2020-01-01")
    assert bl.audit.receipts(strategy="s") == []


def test_a_library_that_is_only_read_refuses_receipts_before_it_reads(tmp_path: Path) -> None:
    with barledger.connect(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(3)), **DESK)
        bl.bars("AAPL", "1d", **LIVE)
    with barledger.connect(tmp_path, read_only=True) as reader:
        assert len(reader.audit.receipts(strategy="momentum-7")) == 1
        for ask in (
            lambda: reader.bars("AAPL", "1d", **LIVE),
            lambda: reader.retrieval.bars_of("AAPL", "1d", **LIVE),
            lambda: reader.retrieval.panel("AAPL", "1d", **LIVE),
        ):
            with pytest.raises(ReadOnly, match="a receipt is an entry in the audit log"):
                ask()
        assert len(reader.bars("AAPL", "1d")) == 3


@pytest.mark.parametrize(
    ("named", "last"),
    [
        ("2026-11-25", "2026-11-25T23:59:59.999999999Z"),
        ("2026-11-25T14:31Z", "2026-11-25T14:31:59.999999999Z"),
        ("2026-11-25 14:31", "2026-11-25T14:31:59.999999999Z"),
        ("2026-11-25T14:31+01:00", "2026-11-25T13:31:59.999999999Z"),
        ("2026-11-25T14:31:05Z", "2026-11-25T14:31:05.999999999Z"),
        ("2026-11-25T14:31:05.5Z", "2026-11-25T14:31:05.5Z"),
        (dt.datetime(2026, 11, 25, 14, 31, tzinfo=dt.UTC), "2026-11-25T14:31:00Z"),
    ],
)
def test_a_text_means_all_of_what_it_names(named: str, last: str) -> None:
    assert format_time(last_instant(named)) == last
