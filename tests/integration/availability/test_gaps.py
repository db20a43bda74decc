"""The gaps of whole libraries, and how little is read to find them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from barledger.barledger import BarLedger
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, everything, format_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.ledger.contract import Cover
from barledger.stores.memory import MemoryStore
from records import NOW, WHO, Clock, check, cover, labels, standing, write

# --- whole libraries -----------------------------------------------------------------------------------


def test_the_gaps_of_a_library_begin_with_the_worst(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-02-01")
    bl.instruments.declare("X*", calendar="XNYS")
    days = labels("2024-01-01", "2024-02-01")
    write(bl, days, name="XWHOLE")
    write(bl, [*days[:5], *days[7:]], name="XHOLE")
    write(bl, days[:-8], name="XLATE")
    write(bl, labels("2024-01-02", "2024-01-03", timeframe="1h"), timeframe="1h", name="XHOURS")
    cover(bl, "2024-01-01", "2024-02-01", "fetch_failed", "no such host", source="feed")
    bl.vault.ledger.instruments.tell([Facts(pattern="Z", origin="feed", calendar="XNOWHERE")], WHO)
    write(bl, days, name="Z")
    gaps = bl.availability.gaps()
    assert [(one.instrument, one.timeframe.name) for one in gaps] == [
        ("X", "1d"),
        ("XHOLE", "1d"),
        ("XHOURS", "1h"),
        ("XLATE", "1d"),
    ]
    assert [one.inner for one in gaps][1:] == [2, 0, 0]
    assert (len(gaps), gaps.checked) == (4, 6)
    assert [(one.instrument, "XNOWHERE" in one.reason) for one in gaps.undecided] == [("Z", True)]
    table = gaps.df
    assert table["behind"].tolist() == [0, 0, 140, 8]
    assert table.loc[1, ["source", "expected", "found", "never_requested", "fetch_failed"]].tolist() == [
        "desk",
        21,
        19,
        2,
        0,
    ]
    assert [one.instrument for one in bl.availability.gaps(instrument="XH*")] == ["XHOLE", "XHOURS"]
    assert [one.instrument for one in bl.availability.gaps(timeframe="1d", source="desk")] == ["XHOLE", "XLATE"]
    assert [one.found for one in bl.availability.gaps(instrument="XHOLE", end="2024-01-10")] == [5]


def test_what_only_ever_failed_is_told_so_and_can_be_forgotten(bl: BarLedger, clock: Clock) -> None:
    clock.set("2024-02-01")
    write(bl, labels("2024-01-01", "2024-02-01", calendar="24/7"), name="Y")
    failed = Cover(
        series=Series.of("GHOST", "1d", "feed"), interval=everything(), outcome="fetch_failed", detail="no host"
    )
    mine = Cover(series=Series.of("Y", "1d", "desk"), interval=everything(), outcome="fetch_failed", detail="once")
    bl.vault.ledger.catalog.cover([failed, mine], WHO)
    (ghost,) = bl.availability.gaps().undecided
    assert (ghost.instrument, ghost.source, ghost.failed) == ("GHOST", "feed", True)
    assert str(ghost).startswith("GHOST 1d from feed: nothing was ever obtained: no host (asked at 2024-02-01T00:00:")
    assert bl.ingestion.forget("G*", source="desk") == []
    assert bl.ingestion.forget("G*", timeframe="1h") == []
    assert bl.ingestion.forget(reason="a slip") == [failed.series]
    assert bl.ingestion.forget() == []
    entry = bl.audit.entries(operation="forget_asked")[-1]
    assert (entry.data["reason"], entry.data["forgotten"][0]["detail"]) == ("a slip", "no host")
    assert bl.availability.gaps().undecided == ()
    assert [one.outcome for one in bl.vault.ledger.catalog.coverage(mine.series)] == ["fetch_failed"]


def test_where_nobody_chooses_each_source_has_its_gaps(bl: BarLedger) -> None:
    write(bl, labels("2024-01-01", "2024-01-16"), source="one")
    write(bl, labels("2024-01-10", "2024-02-01"), source="two")
    asked: dict[str, Any] = {"start": "2024-01-01", "end": "2024-02-01"}
    assert sorted(str(one.series[0]) for one in bl.availability.gaps(**asked)) == ["X 1d from one", "X 1d from two"]
    bl.cache.prioritise("X", ["two", "one"], mode="fill")
    assert len(bl.availability.gaps(**asked)) == 0


def test_an_empty_library_has_no_gaps(bl: BarLedger) -> None:
    gaps = bl.availability.gaps()
    assert (len(gaps), gaps.checked, gaps.undecided) == (0, 0, ())
    assert gaps.df.empty


# --- how little is read --------------------------------------------------------------------------------


class Counting(MemoryStore):
    """A store in memory that notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Interval] = []

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        self.asked += intervals
        return super().read(series, layer, intervals)


def test_only_blocks_that_lack_bars_are_read(clock: Clock, tmp_path: Path) -> None:
    store = Counting()
    bl = standing(store, tmp_path, clock)
    days = labels("2015-03-04", NOW[:10])
    write(bl, [day for day in days if format_time(day)[:10] != "2019-06-03"])
    minutes = labels("2024-01-01", "2024-02-01", timeframe="1m")
    write(bl, minutes, timeframe="1m")
    store.asked.clear()
    # The first and the last year are not whole, and the ledger knows where the bars begin and end.
    assert check(bl, "2020-01-01", None).complete
    assert check(bl, "2015-01-01", "2019-01-01").missing[0].bars == 41
    assert check(bl, None, None, timeframe="1m").found == len(minutes)
    assert check(bl, "2024-01-05T15:00:00Z", "2024-01-05T16:00:00Z", timeframe="1m").found == 60
    assert store.asked == []
    assert not check(bl, "2015-01-01", None).complete
    assert {format_time(asked.start)[:4] for asked in store.asked} == {"2019"}
    # Nor is the first year read to see that a listing is as the bars have it.
    bl.instruments.declare("X", first_trade="2015-03-04T14:30:00Z")
    store.asked.clear()
    assert check(bl, "2015-01-01", "2019-01-01").reasons == {"not_listed": 41}
    assert format_time(check(bl, None, "2019-01-01").interval.start)[:10] == "2015-03-04"
    assert store.asked == []
