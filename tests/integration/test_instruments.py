"""Instruments: what people declare and sources tell of them, when they were halted, and what sources call them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, parse_time
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import (
    CalendarNotFound,
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    LedgerMismatch,
    ReadOnly,
    SymbolTaken,
)
from barledger.ledger.contract import Cover, Ledger, Who
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import frame, library

WHO = Who(actor="tester", operation="ingest")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def bl(url: str) -> Iterator[BarLedger]:
    opened = library(MemoryStore(), url)
    yield opened
    opened.close()


def tell(bl: BarLedger, *facts: Facts) -> None:
    """Say something as sources do."""
    bl.vault.ledger.instruments.tell(facts, WHO)


def operations(bl: BarLedger) -> list[str]:
    return [entry.operation for entry in bl.audit.entries()]


# --- facts -----------------------------------------------------------------------------------------


def test_what_nobody_told_is_assumed_and_said_to_be(bl: BarLedger) -> None:
    known = bl.instruments.describe("BTC/USDT")
    assert (known.name, known.kind, known.calendar, known.currency) == ("BTCUSDT", "other", "24/7", None)
    assert dict(known.origins) == {"kind": "default", "calendar": "default"}
    assert bl.instruments.calendar("BTC/USDT").name == "24/7"


def test_what_a_person_declares_wins_over_what_sources_tell(bl: BarLedger) -> None:
    tell(bl, Facts(pattern="AAPL", origin="yahoo", kind="stock", calendar="XNAS", currency="USD"))
    assert bl.instruments.describe("AAPL").origins == {"kind": "yahoo", "calendar": "yahoo", "currency": "yahoo"}
    said = bl.instruments.declare("A*", calendar="NYSE", reason="our desk trades there")
    assert (said.pattern, said.calendar, said.kind) == ("A*", "XNYS", None)
    known = bl.instruments.describe("AAPL")
    assert (known.calendar, known.kind) == ("XNYS", "stock")
    assert known.origins == {"kind": "yahoo", "calendar": "declared", "currency": "yahoo"}
    assert operations(bl)[-1] == "declare"
    assert bl.audit.entries()[-1].data["reason"] == "our desk trades there"


def test_declarations_add_up_until_they_are_forgotten(bl: BarLedger) -> None:
    bl.instruments.declare("eth-usdt".upper(), kind="crypto", currency="USDT")
    said = bl.instruments.declare("ETH/USDT", first_trade="2017-08-17T04:00:00Z", kind="other")
    assert (said.kind, said.currency, said.first_trade) == ("other", "USDT", parse_time("2017-08-17T04:00:00Z"))
    assert [one.pattern for one in bl.instruments.facts()] == ["ETHUSDT"]
    assert bl.instruments.forget("ETH/USDT", reason="wrong") == said
    assert bl.instruments.facts() == []
    assert bl.instruments.describe("ETHUSDT").origins["kind"] == "default"
    assert operations(bl) == ["declare", "declare", "forget"]
    assert bl.instruments.forget("ETH/USDT").told == {}
    assert len(operations(bl)) == 3


def test_another_session_sees_what_was_declared_at_once(bl: BarLedger, url: str) -> None:
    other = library(MemoryStore(), url)
    assert other.instruments.describe("AAPL").calendar == "24/7"
    bl.instruments.declare("AAPL", calendar="XNYS")
    assert other.instruments.describe("AAPL").calendar == "XNYS"
    bl.instruments.forget("AAPL")
    assert other.instruments.describe("AAPL").calendar == "24/7"
    other.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({}, InvalidSetting),
        ({"kind": "bond"}, InvalidSetting),
        ({"calendar": "XNEW"}, CalendarNotFound),
        ({"calendar": "xnys"}, CalendarNotFound),
        ({"calendar": ""}, CalendarNotFound),
        ({"currency": "US$"}, InvalidSetting),
        ({"currency": ""}, InvalidSetting),
        ({"first_trade": "yesterday"}, InvalidInterval),
        ({"last_trade": "9999-01-01"}, InvalidInterval),
        ({"first_trade": "2020-01-01", "last_trade": "2019-01-01"}, InvalidSetting),
    ],
)
def test_what_cannot_be_is_not_declared(bl: BarLedger, said: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        bl.instruments.declare("AAPL", **said)
    assert bl.instruments.facts() == []
    assert operations(bl) == []


def test_an_end_before_a_start_that_was_declared_earlier_is_refused(bl: BarLedger) -> None:
    bl.instruments.declare("AAPL", first_trade="1980-12-12")
    with pytest.raises(InvalidSetting, match="before first_trade"):
        bl.instruments.declare("AAPL", last_trade="1980-12-11")


@pytest.mark.parametrize("pattern", ["", " AAPL", "A\nB", "x\\"])
def test_a_pattern_that_cannot_be_a_name_is_refused(bl: BarLedger, pattern: str) -> None:
    with pytest.raises(InvalidName):
        bl.instruments.declare(pattern, kind="stock")


def test_all_that_is_known_is_listed(bl: BarLedger) -> None:
    bl.write("AAPL", "1d", frame(range(3)), source="desk")
    bl.write("AAPL", "1d", frame(range(3)), source="other")
    asked = Cover(series=Series.of("NEVER", "1d", "feed"), interval=Interval(0, DAY), outcome="fetch_failed")
    bl.vault.ledger.catalog.cover([asked], WHO)
    tell(bl, Facts(pattern="TOLD", origin="feed", kind="etf"))
    bl.instruments.declare("D*", calendar="XLON")
    bl.instruments.name("DAIMLER", "yahoo", "MBG.DE")
    bl.instruments.halt("HALTED", "2024-01-01", "2024-01-02", reason="news")
    listed = {one.name: one for one in bl.instruments.list()}
    assert list(listed) == ["AAPL", "DAIMLER", "HALTED", "NEVER", "TOLD"]
    assert (listed["TOLD"].kind, listed["DAIMLER"].calendar) == ("etf", "XLON")
    assert listed["AAPL"].origins["calendar"] == "default"


def test_corporate_actions_are_listed_as_they_were_known(bl: BarLedger) -> None:
    split = CorporateAction(instrument="AAPL", ex_date=DAY, kind="split", source="yahoo", value=2.0)
    bl.vault.ledger.actions.record([split], WHO)
    before = bl.vault.ledger.now()
    assert [(one.kind, one.value) for one in bl.instruments.actions("AAPL")] == [("split", 2.0)]
    assert bl.instruments.actions("AAPL", source="desk") == []
    assert bl.instruments.actions("AAPL", known_at="2001-01-01") == []
    assert len(bl.instruments.actions("AAPL", known_at=before)) == 1


# --- halts -----------------------------------------------------------------------------------------


def test_a_halt_is_declared_and_taken_back(bl: BarLedger) -> None:
    halt = bl.instruments.halt("BTC/USDT", "2024-01-05", "2024-01-06", reason="maintenance")
    assert (halt.instrument, str(halt.interval)) == ("BTCUSDT", "[2024-01-05T00:00:00Z, 2024-01-06T00:00:00Z)")
    longer = bl.instruments.halt("BTCUSDT", "2024-01-05", reason="until further notice")
    assert bl.instruments.halts("BTC-USDT") == [longer]
    assert bl.instruments.halts("AAPL") == []
    with pytest.raises(InvalidSetting, match="no halt of BTCUSDT begins at 2024-01-06"):
        bl.instruments.resume("BTCUSDT", "2024-01-06")
    assert bl.instruments.resume("BTC/USDT", "2024-01-05", reason="over") == longer
    assert bl.instruments.halts() == []
    assert operations(bl) == ["halt", "halt", "resume"]


@pytest.mark.parametrize(
    ("start", "end", "reason", "error"),
    [
        ("2024-01-05", "2024-01-05", "news", InvalidInterval),
        ("2024-01-05", "2024-01-04", "news", InvalidInterval),
        ("2024-01-05", "2024-01-06", " ", InvalidSetting),
        ("noon", "2024-01-06", "news", InvalidInterval),
    ],
)
def test_a_halt_that_makes_no_sense_is_refused(
    bl: BarLedger, start: str, end: str, reason: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        bl.instruments.halt("AAPL", start, end, reason=reason)
    assert bl.instruments.halts() == []


# --- names -----------------------------------------------------------------------------------------


def test_a_ticker_that_is_used_again_is_two_instruments(bl: BarLedger) -> None:
    bl.instruments.name("META", "yahoo", "FB", end="2022-06-09")
    bl.instruments.name("META", "yahoo", "META", start="2022-06-09")
    bl.instruments.name("ROUNDHILL", "yahoo", "META", end="2022-01-31", reason="an ETF had it before")
    symbols = bl.vault.ledger.symbols
    assert [symbols.native("META", "yahoo", parse_time(at)) for at in ("2015-01-01", "2023-01-01")] == ["FB", "META"]
    assert symbols.instrument("META", "yahoo", parse_time("2021-12-01")) == "ROUNDHILL"
    with pytest.raises(SymbolTaken, match="'META' of yahoo means ROUNDHILL at that time"):
        bl.instruments.name("OTHER", "yahoo", "META", start="2021-01-01", end="2021-02-01")
    assert [one.native for one in bl.instruments.names("META")] == ["FB", "META"]
    assert len(bl.instruments.names()) == 3
    assert operations(bl) == ["name"] * 3


def test_a_name_is_taken_back(bl: BarLedger) -> None:
    bl.instruments.name("BTC/USDT", "kraken", "XBT/USD")
    with pytest.raises(InvalidSetting, match="kraken calls BTCUSDT XBT/USD from the beginning on already"):
        bl.instruments.name("BTC/USDT", "kraken", "XBT/USDT")
    (gone,) = bl.instruments.unname("BTCUSDT", "kraken", "XBT/USD", reason="a typo")
    assert gone.native == "XBT/USD"
    assert bl.instruments.names() == []
    assert bl.vault.ledger.symbols.native("BTCUSDT", "kraken", 0) is None
    bl.instruments.name("BTC/USDT", "kraken", "XBT/USDT")
    bl.instruments.name("BITCOIN", "kraken", "XBT/USD")
    with pytest.raises(InvalidSetting, match="is not said to call"):
        bl.instruments.unname("BTCUSDT", "kraken", "XBT/USD")


def test_a_later_name_follows_one_without_an_end(bl: BarLedger) -> None:
    bl.instruments.name("META", "yahoo", "FB")
    bl.instruments.name("META", "yahoo", "META", start="2022-06-09")
    symbols = bl.vault.ledger.symbols
    assert [symbols.native("META", "yahoo", parse_time(at)) for at in ("2015-01-01", "2023-01-01")] == ["FB", "META"]


@pytest.mark.parametrize("names", [("A\tB", "s", "n"), ("A", "", "n"), ("A", "s", "n\n")])
def test_a_name_that_cannot_be_one_is_refused(bl: BarLedger, names: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidName):
        bl.instruments.name(*names)
    with pytest.raises(InvalidInterval):
        bl.instruments.name("A", "s", "n", start="2024-01-01", end="2024-01-01")


# --- who may ---------------------------------------------------------------------------------------

CHANGES = [
    lambda bl: bl.instruments.declare("AAPL", kind="stock"),
    lambda bl: bl.instruments.forget("AAPL"),
    lambda bl: bl.instruments.halt("AAPL", "2024-01-01", "2024-01-02", reason="news"),
    lambda bl: bl.instruments.resume("AAPL", "2024-01-01"),
    lambda bl: bl.instruments.name("AAPL", "yahoo", "AAPL"),
    lambda bl: bl.instruments.unname("AAPL", "yahoo", "AAPL"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_for_reading_says_nothing_and_is_told_everything(bl: BarLedger, url: str, change: Any) -> None:
    bl.instruments.declare("AAPL", calendar="XNYS")
    ledger: Ledger = SqlLedger.open(url, read_only=True)
    reader = BarLedger(bl.vault.store, ledger, settings=Settings(), read_only=True)
    assert reader.instruments.describe("AAPL").calendar == "XNYS"
    with pytest.raises(ReadOnly):
        change(reader)
    ledger.close()


@pytest.mark.parametrize("change", CHANGES)
def test_a_ledger_that_does_not_fit_is_told_nothing(bl: BarLedger, change: Any, tmp_path: Path) -> None:
    bl.write("AAPL", "1d", frame(range(3)), source="desk")
    with pytest.warns(match="nothing can be written"):
        other = BarLedger(bl.vault.store, SqlLedger.open(f"sqlite:///{tmp_path / 'other'}"), settings=Settings())
    with pytest.raises(LedgerMismatch):
        change(other)
    with pytest.raises(LedgerMismatch):
        other.availability.check("AAPL", "1d", start="1970-01-01")
    other.vault.ledger.close()
