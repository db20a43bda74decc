"""Corporate actions as people and files tell them: added, corrected, withdrawn, mirrored; adjusted series are kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger import BarLedger, InfluxDBClient
from barledger.domain.action import CorporateAction
from barledger.domain.interval import parse_time
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import (
    ActionKnown,
    ActionNotFound,
    ActionsRejected,
    InvalidAction,
    InvalidName,
    InvalidSetting,
    NoBars,
    NotRefreshed,
    ReadOnly,
    SymbolTaken,
)
from barledger.ledger.contract import Who
from barledger.stores.contract import Record
from barledger.stores.influx.store import InfluxStore
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from scripted import SPLITS, Market, ScriptedSource, SetClock, service

WHO = Who(actor="tester", operation="record")
NAMES = ("instrument", "kind", "ex_date", "value", "currency", "symbol", "reason")


@pytest.fixture
def bl(in_memory: BarLedger) -> BarLedger:
    return in_memory


def by_yahoo(bl: BarLedger, kind: str, day: str, value: float) -> None:
    one = CorporateAction(instrument="A", ex_date=parse_time(day), kind=kind, source="yahoo", value=value)  # type: ignore[arg-type]
    bl.vault.ledger.actions.record([one], WHO)


def counted(bl: BarLedger) -> list[tuple[str, str, float]]:
    """Return what counts for bars of nobody in particular."""
    if not bl.cache.series(instrument="A"):
        bl.write("A", "1d", frame(range(100, 120)), source="desk")
    return [(one.kind, one.source, one.value) for one in bl.bars("A", "1d", source="desk", adjust="raw").actions]


# --- saying ------------------------------------------------------------------------------------------


def test_an_action_is_added_once_and_read_back(bl: BarLedger) -> None:
    added = bl.actions.add("aapl", "split", "2020-08-31", value="4:1", reason="four for one")
    assert (added.value, added.source, added.told) == (4.0, "declared", {"by": "tester", "reason": "four for one"})
    assert str(added) == "aapl: split of 4:1 on 2020-08-31 (from declared)"
    assert bl.actions.add("aapl", "split", "2020-08-31", value=4) == added
    assert bl.actions.list("aapl") == [added]
    assert repr(added).startswith("<CorporateAction aapl: split of 4:1 on 2020-08-31 (from declared), known 20")
    assert bl.audit.entries(operation="add-action")[0].data["reason"] == "four for one"
    with pytest.raises(InvalidAction, match="is known already"):
        bl.actions.add("aapl", "split", "2020-08-31", value=2)


def test_a_reverse_split_is_a_split_of_less_than_one(bl: BarLedger) -> None:
    added = bl.actions.add("A", "reverse_split", "2020-08-31", value="1:10")
    assert (added.kind, added.value, added.summary) == ("split", 0.1, "reverse split of 1:10 on 2020-08-31")
    assert [one.value for one in bl.actions.list(kind="reverse_split")] == [0.1]
    with pytest.raises(InvalidAction, match="less than one share"):
        bl.actions.add("A", "reverse_split", "2021-08-31", value=10)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("split", {"value": 0}),
        ("split", {"value": float("nan")}),
        ("split", {"value": "two"}),
        ("split", {"value": "2:0"}),
        ("split", {"value": 2, "currency": "USD"}),
        ("split", {"value": 2, "symbol": "B"}),
        ("cash_dividend", {}),
        ("cash_dividend", {"value": -1}),
        ("cash_dividend", {"value": "1:2"}),
        ("cash_dividend", {"value": 1, "currency": "U$"}),
        ("cash_dividend", {"value": 1, "currency": "dollars"}),
        ("cash_dividend", {"value": 1, "currency": "usd"}),
        ("symbol_change", {}),
        ("symbol_change", {"value": 1}),
        ("symbol_change", {"symbol_at": "yahoo"}),
        ("bonus", {"value": 1}),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(bl: BarLedger, kind: str, options: dict[str, Any]) -> None:
    with pytest.raises((InvalidAction, InvalidSetting)):
        bl.actions.add("A", kind, "2020-08-31", **options)
    assert bl.actions.list() == []
    assert bl.vault.ledger.audit.count() == 0


@pytest.mark.parametrize("kind", ["split", "reverse_split", "stock_dividend", "cash_dividend"])
def test_a_value_that_is_missing_is_said_to_be_missing(bl: BarLedger, kind: str) -> None:
    with pytest.raises(InvalidAction, match=f"the value of the {kind} is missing"):
        bl.actions.add("A", kind, "2020-08-31")


@pytest.mark.parametrize("currency", ["USD", "GBp", "USDT", "FDUSD", "ILa"])
def test_codes_of_currencies_are_taken_as_they_are(bl: BarLedger, currency: str) -> None:
    assert bl.actions.add("A", "cash_dividend", "2020-08-31", value=1, currency=currency).currency == currency


def test_a_day_is_of_a_split_or_a_reverse_split(bl: BarLedger, tmp_path: Path) -> None:
    by_yahoo(bl, "split", "2020-01-15", 0.1)
    with pytest.raises(ActionKnown, match=r"split of 1:10 on 2020-01-15 .*yahoo.* is known already") as caught:
        bl.actions.add("A", "split", "2020-01-15", value=2)
    assert "barledger actions correct" in caught.value.advice
    (tmp_path / "actions.csv").write_text("instrument,kind,ex_date,value\nA,split,2020-01-15,2\n")
    with pytest.raises(ActionsRejected, match="is known already"):
        bl.actions.import_csv(tmp_path / "actions.csv")
    bl.actions.add("A", "split", "2020-01-16", value=2)
    with pytest.raises(ActionKnown, match="is known already"):
        bl.actions.add("A", "split", "2020-01-16", value=3)
    assert bl.actions.correct("A", "split", "2020-01-15", value=2, reason="it is a split").value == 2
    with pytest.raises(ActionKnown, match="is known already"):
        bl.actions.add("A", "reverse_split", "2020-01-15", value="1:5")


def test_a_payment_is_below_the_price_before_it(bl: BarLedger, tmp_path: Path) -> None:
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    with pytest.raises(InvalidAction, match=r"it pays 265, and the last price before it is 101\.19"):
        bl.actions.add("A", "cash_dividend", 120 * DAY, value=265, currency="USD")
    bl.instruments.declare("A", currency="USD")
    bl.actions.add("A", "special_dividend", 120 * DAY, value=265, currency="USc")
    with pytest.raises(InvalidAction, match="it pays 500"):
        bl.actions.correct("A", "special_dividend", 120 * DAY, value=500, currency="USD", reason="misread")
    bl.actions.add("A", "cash_dividend", 100 * DAY, value=265)
    file = tmp_path / "actions.csv"
    file.write_text("instrument,kind,ex_date,value\nA,cash_dividend,1970-05-02,1000\nA,split,1970-05-02,\n")
    with pytest.raises(
        ActionsRejected, match=r"line 2: .* it pays 1000, .*line 3: .*the value of the split is missing"
    ):
        bl.actions.import_csv(file)


def test_an_event_of_an_instrument_that_nobody_knows_is_warned_of(bl: BarLedger, tmp_path: Path) -> None:
    bl.write("AAPL", "1d", frame(range(100, 140)), source="desk")
    with pytest.warns(NoBars, match="nobody knows APPL: there are no bars"):
        bl.actions.add("APPL", "split", "2020-08-31", value=4)
    file = tmp_path / "actions.csv"
    file.write_text("instrument,kind,ex_date,value\nAAPL,split,2020-08-31,4\nAPLL,split,2020-08-31,4\n")
    with pytest.warns(NoBars, match=r"nobody knows APLL \(line 3\)"):
        assert bl.actions.import_csv(file).new == 2
    bl.actions.add("AAPL", "split", "2014-06-09", value=7)


def test_a_correction_holds_though_the_source_tells_it_wrongly_again(bl: BarLedger) -> None:
    by_yahoo(bl, "cash_dividend", "2020-05-05", 0.24)
    bl.actions.correct("A", "cash_dividend", "2020-05-05", value=0.25, reason="the company's page")
    by_yahoo(bl, "cash_dividend", "2020-05-05", 0.23)
    assert counted(bl) == [("cash_dividend", "declared", 0.25)]
    bl.actions.undeclare("A", "cash_dividend", "2020-05-05", reason="they mended it")
    assert counted(bl) == [("cash_dividend", "yahoo", 0.23)]
    told = [(one.source, one.value, one.withdrawn) for one in bl.actions.history("A")]
    assert told == [("yahoo", 0.24, False), ("declared", 0.25, False), ("yahoo", 0.23, False), ("declared", 0.25, True)]


def test_an_ex_date_is_moved(bl: BarLedger) -> None:
    by_yahoo(bl, "split", "2020-05-05", 2.0)
    bl.actions.correct("A", "split", "2020-05-05", moved_to="2020-05-25", reason="that was the announcement")
    assert counted(bl) == [("split", "declared", 2.0)]
    assert [one.summary for one in bl.bars("A", "1d", adjust="raw").actions] == ["split of 2:1 on 2020-05-25"]


def test_what_never_was_is_withdrawn_whoever_tells_it(bl: BarLedger) -> None:
    by_yahoo(bl, "split", "2020-05-05", 2.0)
    gone = bl.actions.withdraw("A", "split", "2020-05-05", reason="there was none")
    assert gone.source == "yahoo"
    by_yahoo(bl, "split", "2020-05-05", 3.0)
    assert counted(bl) == []
    bl.actions.undeclare("A", "split", "2020-05-05", reason="there was one")
    assert counted(bl) == [("split", "yahoo", 3.0)]


def test_one_sources_word_is_withdrawn_until_it_tells_it_again(bl: BarLedger) -> None:
    by_yahoo(bl, "split", "2020-05-05", 2.0)
    bl.actions.withdraw("A", "split", "2020-05-05", source="yahoo", reason="a slip")
    assert counted(bl) == []
    by_yahoo(bl, "split", "2020-05-05", 2.0)
    assert counted(bl) == [("split", "yahoo", 2.0)]


def test_what_nobody_tells_cannot_be_corrected_withdrawn_or_taken_back(bl: BarLedger) -> None:
    by_yahoo(bl, "split", "2020-05-06", 2.0)
    for act in (bl.actions.withdraw, bl.actions.undeclare):
        with pytest.raises(ActionNotFound):
            act("A", "split", "2020-05-05", reason="x")
    with pytest.raises(ActionNotFound, match="there are split of 2:1 on 2020-05-06"):
        bl.actions.correct("A", "split", "2020-05-05", value=2, reason="x")
    with pytest.raises(InvalidName, match="reason"):
        bl.actions.withdraw("A", "split", "2020-05-06", reason="")


def test_a_symbol_change_joins_the_sources_symbol_map(bl: BarLedger) -> None:
    bl.instruments.name("FB", "yahoo", "FB")
    bl.actions.add("FB", "symbol_change", "2022-06-09", symbol="META", symbol_at="yahoo")
    symbols = bl.vault.ledger.symbols
    day = bl.actions.list("FB")[0].ex_date
    assert [symbols.native("FB", "yahoo", at) for at in (day - 1, day)] == ["FB", "META"]
    bl.instruments.name("XX", "yahoo", "TAKEN")
    with pytest.raises(SymbolTaken):
        bl.actions.add("FB", "symbol_change", "2023-06-09", symbol="TAKEN", symbol_at="yahoo")
    assert len(bl.actions.list("FB")) == 1
    bl.actions.withdraw("FB", "symbol_change", "2022-06-09", reason="not yet")
    assert symbols.native("FB", "yahoo", day) == "FB"


def test_an_actions_past_can_be_read(bl: BarLedger) -> None:
    bl.actions.add("A", "split", "2020-05-05", value=2)
    then = bl.vault.ledger.now()
    bl.actions.correct("A", "split", "2020-05-05", value=3, reason="better")
    assert [one.value for one in bl.actions.list("A", known_at=then)] == [2.0]
    assert [one.value for one in bl.actions.list("A")] == [3.0]


def test_a_session_for_reading_says_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    bl = library(MemoryStore(), url)
    object.__setattr__(bl.vault, "read_only", True)
    with pytest.raises(ReadOnly):
        bl.actions.add("A", "split", "2020-05-05", value=2)


# --- files -------------------------------------------------------------------------------------------


def test_a_file_is_taken_whole(bl: BarLedger, tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(
        "Kind,Instrument,ex_date,value,currency,symbol,reason\n"
        "split,AAPL,2014-06-09,7:1,,,\n"
        "cash_dividend,AAPL,2013-02-07,2.65,USD,,quarterly\n\n"
        "symbol_change,FB,2022-06-09,,,META,\n"
    )
    done = bl.actions.import_csv(file)
    assert (done.new, done.changed, done.same) == (3, 0, 0)
    assert [str(one) for one in bl.actions.list()] == [
        "AAPL: cash_dividend of 2.65 USD on 2013-02-07 (from declared)",
        "AAPL: split of 7:1 on 2014-06-09 (from declared)",
        "FB: symbol_change to META on 2022-06-09 (from declared)",
    ]
    assert bl.actions.list("AAPL")[0].told == {
        "by": "tester",
        "file": "actions.csv",
        "line": "3",
        "reason": "quarterly",
    }
    file.write_text(file.read_text().replace("2.65", "2.66"))
    done = bl.actions.import_csv(file)
    assert str(done) == f"0 new, 1 changed, 2 the same, from {file}"


def test_each_bad_line_is_named_and_nothing_is_taken(bl: BarLedger, tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(
        "instrument,kind,ex_date,value\nAAPL,split,2014-06-09,7\nAAPL,splitt,2014-06-09,7\n"
        "AAPL,split,yesterday,7\nAAPL,split,2014-06-09,8\nAAPL,cash_dividend,2014-06-10,0\n"
    )
    with pytest.raises(ActionsRejected) as caught:
        bl.actions.import_csv(file)
    assert [line.split(":")[0] for line in caught.value.lines] == ["line 3", "line 4", "line 5", "line 6"]
    assert "'splitt' is none of" in str(caught.value)
    assert "is in line 2 already" in str(caught.value)
    assert bl.actions.list() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks instrument, kind, ex_date"),
        ("instrument,kind,ex_date,ratio\n", "has unknown ratio"),
        ("instrument,kind,ex_date,kind\n", "repeats kind"),
        ("instrument,kind,ex_date\nA,delisting\n", "line 2: it has 2 cells"),
        ("instrument,kind,ex_date\nA\nA,splitt,2020-01-01\n", r"line 2: it has 1 cell, .*, line 3: .*'splitt'"),
    ],
)
def test_a_table_of_another_kind_is_refused(bl: BarLedger, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(text)
    with pytest.raises(ActionsRejected, match=said):
        bl.actions.import_csv(file)


def test_a_file_that_cannot_be_read_is_told(bl: BarLedger, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="No such file"):
        bl.actions.import_csv(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"instrument,kind,ex_date\n\xff\xfe,split,2020-01-01\n")
    with pytest.raises(InvalidSetting, match="UTF-8"):
        bl.actions.import_csv(tmp_path / "bad.csv")


# --- the mirror --------------------------------------------------------------------------------------


class Mirror(MemoryStore):
    """A store that shows records to other tools, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = type(self.capabilities)(mirror=True)
        self.points: dict[tuple[str, ...], Record] = {}
        self.down = False

    def mirror(self, records: Any, **_: Any) -> None:
        if self.down:
            raise ConnectionError
        for one in records:
            self.points[one.measurement, *one.tags.values(), str(one.time)] = one


def test_an_action_is_mirrored_as_one_point_whatever_becomes_of_it(tmp_path: Path) -> None:
    store = Mirror()
    bl = library(store, f"sqlite:///{tmp_path / 'ledger.db'}")
    bl.actions.add("A", "cash_dividend", "2020-05-05", value=0.24, currency="USD", reason="r")
    bl.actions.correct("A", "cash_dividend", "2020-05-05", value=0.25, reason="better")
    bl.actions.add("A", "stock_dividend", "2020-05-05", value=0.05)
    payment, shares = store.points.values()
    assert payment.measurement == "corporate_actions"
    assert dict(payment.tags) == {"instrument": "A", "kind": "cash_dividend", "source": "declared"}
    assert (payment.fields["amount"], payment.fields["withdrawn"]) == (0.25, False)
    assert json.loads(str(payment.fields["evidence"]))["reason"] == "better"
    assert payment.fields["known_at"] == bl.actions.list("A", kind="cash_dividend")[0].known_at
    assert shares.fields["ratio"] == 1.05
    bl.actions.withdraw("A", "cash_dividend", "2020-05-05", reason="none")
    assert len(store.points) == 2
    assert next(iter(store.points.values())).fields["withdrawn"] is True


def test_what_could_not_be_mirrored_is_mirrored_later(tmp_path: Path) -> None:
    store = Mirror()
    store.down = True
    bl = library(store, f"sqlite:///{tmp_path / 'ledger.db'}")
    bl.actions.add("A", "split", "2020-05-05", value=2)
    assert store.points == {}
    store.down = False
    bl.cache.repair()
    assert len(store.points) == 1
    assert bl.vault.ledger.actions.unmirrored() == []


def test_what_a_source_tells_is_mirrored_as_it_comes(tmp_path: Path) -> None:
    store = Mirror()
    bl = library(store, f"sqlite:///{tmp_path / 'ledger.db'}")
    market = Market(listed=900 * DAY)
    market.actions = [CorporateAction(instrument="A", ex_date=950 * DAY, kind="split", source="scripted", value=2.0)]
    source = ScriptedSource({"A": market}, lambda: 1_000 * DAY, adjustment=SPLITS)
    service(bl, SetClock(1_000 * DAY), source).ingest("A", "1d", source="scripted")
    assert [one.fields["ratio"] for one in store.points.values()] == [2.0]


@pytest.mark.influx
def test_other_tools_see_the_actions_in_influxdb(influx_store: InfluxStore, tmp_path: Path) -> None:
    bl = library(influx_store, f"sqlite:///{tmp_path / 'ledger.db'}")
    bl.actions.add("A", "split", "2020-05-05", value="7:1", reason='seven "for" one, é')
    bl.actions.add("A", "cash_dividend", "2020-05-05", value=0.25)
    bl.actions.withdraw("A", "cash_dividend", "2020-05-05", reason="none")
    results = influx_store._connection.execute(
        'SELECT * FROM "corporate_actions" GROUP BY *', database=influx_store._bucket
    )
    found = {}
    for series in results[0]["series"]:
        (row,) = series["values"]
        found[series["tags"]["kind"]] = {**series["tags"], **dict(zip(series["columns"], row, strict=True))}
    assert found["split"]["ratio"] == 7
    assert json.loads(found["split"]["evidence"])["reason"] == 'seven "for" one, é'
    assert found["cash_dividend"]["withdrawn"] is True
    assert found["cash_dividend"]["source"] == "declared"


# --- adjusted series that are kept -------------------------------------------------------------------

ADJUSTED = Series.of("A", "1d", "desk", is_adjusted=True)


def test_an_adjusted_series_is_written_beside_its_original(anywhere: BarLedger) -> None:
    bl = anywhere
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    bl.actions.add("A", "split", 110 * DAY, value=2)
    original = bl.bars("A", "1d")
    done = bl.actions.materialise("A", "1d", adjust="total", reason="for the dashboard")
    assert (done.new, done.changed, str(done.series)) == (40, 0, str(ADJUSTED))
    kept = bl.bars("A", "1d", is_adjusted=True)
    view = bl.bars("A", "1d", adjust="total")
    assert kept.digest == view.digest
    assert kept.adjustment == "total"
    assert kept.to_pandas(["adjustment_factor"])["adjustment_factor"].iloc[[0, -1]].tolist() == [0.5, 1.0]
    assert bl.bars("A", "1d").digest == original.digest
    assert bl.bars("A", "1d").revision == original.revision
    entry = bl.audit.entries(operation="materialise")[0].data
    assert entry["details"][str(ADJUSTED)]["adjust"] == "total"


def test_it_gets_a_revision_when_a_bar_or_an_event_changes_and_none_otherwise(anywhere: BarLedger) -> None:
    bl = anywhere
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    first = bl.actions.materialise("A", "1d").revision
    assert bl.actions.materialise("A", "1d").revision == first
    assert [one.same for one in bl.actions.refresh()] == [40]
    bl.actions.add("A", "cash_dividend", 120 * DAY, value=1.0)
    second = bl.bars("A", "1d", is_adjusted=True)
    assert second.revision > first
    bl.write("A", "1d", frame([140]), source="desk")
    third = bl.bars("A", "1d", is_adjusted=True)
    assert len(third) == 41
    bl.withdraw("A", "1d", 100 * DAY, source="desk", reason="no")
    assert len(bl.bars("A", "1d", is_adjusted=True)) == 40
    bl.actions.withdraw("A", "cash_dividend", 120 * DAY, reason="none")
    bars = bl.bars("A", "1d", is_adjusted=True)
    np.testing.assert_array_equal(bars.rows.close, bl.bars("A", "1d").rows.close)
    # What it was before is kept as of any bars.
    assert bl.bars("A", "1d", is_adjusted=True, version=second.revision).digest == second.digest
    assert bl.verify(bl.snapshot("A", "1d").id).ok
    assert bl.cache.verify_series(ADJUSTED).ok


def test_bars_that_their_source_adjusted_are_not_written_over(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    rows = bl.bars("A", "1d").rows
    bl.cache.write([bl.cache.draft(ADJUSTED, rows)])
    assert bl.bars("A", "1d", is_adjusted=True).adjustment == "by the source"
    with pytest.raises(InvalidSetting, match="would be overwritten"):
        bl.actions.materialise("A", "1d")


def test_of_joined_sources_one_has_to_be_named(bl: BarLedger) -> None:
    for source in ("desk", "other"):
        bl.write("A", "1d", frame(range(100, 140)), source=source)
    bl.cache.prioritise("A", ["desk", "other"], mode="fill")
    with pytest.raises(InvalidSetting, match="name the one"):
        bl.actions.materialise("A", "1d")
    assert bl.actions.materialise("A", "1d", source="other").new == 40


def test_a_write_stands_though_the_adjusted_series_cannot_follow(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    bl.actions.materialise("A", "1d")
    bl.instruments.declare("A", currency="USD")
    with pytest.warns(NotRefreshed, match="stay as they were"):
        bl.actions.add("A", "cash_dividend", 120 * DAY, value=1.0, currency="EUR")
    with pytest.warns(NotRefreshed):
        assert bl.write("A", "1d", frame([140]), source="desk").new == 1
    bl.actions.withdraw("A", "cash_dividend", 120 * DAY, reason="a slip")
    assert len(bl.bars("A", "1d", is_adjusted=True)) == 41


def test_another_mode_needs_the_end_of_the_one_before(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    bl.actions.add("A", "cash_dividend", 120 * DAY, value=1.0)
    first = bl.actions.materialise("A", "1d").revision
    for mode in ("raw", "splits"):
        with pytest.raises(InvalidSetting, match=rf"kept as total, not {mode}; end that first: unmaterialise"):
            bl.actions.materialise("A", "1d", adjust=mode)
    assert bl.bars("A", "1d", is_adjusted=True).revision == first
    ended = bl.actions.unmaterialise("A", "1d", reason="splits are wanted")
    assert (ended.adjust, ended.withdrawn) == ("total", 40)
    assert bl.actions.materialised() == []
    assert len(bl.bars("A", "1d", is_adjusted=True)) == 0
    assert len(bl.bars("A", "1d", is_adjusted=True, version=first)) == 40
    with pytest.raises(InvalidSetting, match="no adjusted series is kept beside"):
        bl.actions.unmaterialise("A", "1d", reason="again")
    assert bl.actions.materialise("A", "1d", adjust="splits").changed == 40
    assert [one.adjust for one in bl.actions.materialised()] == ["splits"]
    assert bl.bars("A", "1d", is_adjusted=True).adjustment == "splits"
    assert bl.cache.verify_series(ADJUSTED).ok


def test_an_end_that_was_cut_short_is_brought_to_its_end(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(100, 140)), source="desk")
    bl.actions.materialise("A", "1d")
    assert bl.vault.ledger.actions.end(Series.of("A", "1d", "desk"), Who(actor="tester", operation="end-adjusted"))
    assert bl.actions.unmaterialise("A", "1d", reason="not wanted").withdrawn == 40
    assert bl.actions.materialise("A", "1d", adjust="splits").changed == 40


@pytest.mark.influx
def test_the_client_reads_adjusted_bars(client: InfluxDBClient) -> None:
    client.write_ohlcv("A", "1d", frame(range(100, 120)), "desk")
    client._library.actions.add("A", "split", 110 * DAY, value=2)
    adjusted = client.query_ohlcv("A", "1d", None, None, adjust="total")
    assert adjusted["close"].iloc[0] == 50.5
    assert adjusted.attrs["adjustment"] == "total"
    both = client.query_ohlcv("A", "1d", None, None, include_adjusted=True)
    assert both[["close", "adj_close", "adjustment_factor"]].iloc[0].tolist() == [101.0, 50.5, 0.5]
