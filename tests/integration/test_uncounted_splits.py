"""A split that somebody declares, and bars whose source adjusts them and has not restated them yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.detection import findings
from barledger.domain.interval import format_time
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY
from barledger.errors import NotCounted
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, integrity
from scripted import RAW, SPLITS, Market, ScriptedSource, SetClock, clocked, service

EX = 900


@dataclass(slots=True)
class Late(Rewritten):
    """A market with a split on day 900, in whose bars before that it does not show until the source restates them."""

    restated: bool = False

    def rows(self, labels: Ints) -> Rows:
        days = labels // DAY
        price = 100 * np.exp(0.05 * np.sin(days / 9) + 0.01 * np.sin(days * 1.7))
        price = price / np.where((days >= EX) | np.bool_(self.restated), 2.0, 1.0)
        volume = np.full(len(labels), 1_000.0)
        given = Market.rows(self, labels)
        return Rows(
            time=labels,
            open=price * 0.998,
            high=price * 1.006,
            low=price * 0.993,
            close=price,
            volume=volume,
            revision=given.revision,
            edition=given.edition,
        )


@pytest.fixture
def clock() -> SetClock:
    return SetClock((EX + 5) * DAY)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def load(bl: BarLedger, clock: SetClock, *, until: int, restated: bool = False, adjustment: object = SPLITS) -> Late:
    market = Late(listed=800 * DAY, restated=restated)
    source = ScriptedSource({"A": market}, clock, page=500, adjustment=adjustment)
    service(bl, clock, source).ingest("A", "1d", source="scripted", end=until * DAY)
    return market


def test_bars_that_still_show_a_split_do_not_count_it(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX + 3)
    before = bl.bars("A", "1d", adjust="raw").rows.close[0]
    with pytest.warns(
        NotCounted, match=r"A 1d from scripted, which their source adjusts, still move by 0.4961 .* 2 times"
    ):
        bl.actions.add("A", "split", EX * DAY, value=2, reason="the company's page")
    assert bl.bars("A", "1d", adjust="raw").rows.close[0] == before * 2
    (found,) = integrity(bl, clock, findings=findings).inspect("A", "1d").certain
    assert (found.kind, found.interval.end) == ("split_missed", EX * DAY)


def test_bars_that_end_before_the_ex_date_cannot_tell(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX)
    with pytest.warns(NotCounted, match="no bar from the ex-date on, so nothing shows whether those before count it"):
        bl.actions.add("A", "reverse_split", EX * DAY, value="1:10")


def test_bars_that_count_it_say_nothing(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX + 3, restated=True)
    bl.actions.add("A", "split", EX * DAY, value=2)


def test_bars_as_traded_are_right_to_show_it(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX + 3, adjustment=RAW)
    bl.actions.add("A", "split", EX * DAY, value=2)


def test_an_event_that_is_yet_to_come_moves_no_bar(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX + 3)
    before = bl.bars("A", "1d", adjust="raw").rows.close[0]
    bl.actions.add("A", "split", (EX + 10) * DAY, value=2)
    assert bl.bars("A", "1d", adjust="raw").rows.close[0] == before


def test_bars_after_it_alone_say_nothing(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX + 3)
    bl.actions.add("A", "split", 790 * DAY, value=2)


@pytest.mark.parametrize("value", [1.01, 0.99])
def test_what_no_price_could_show_is_not_looked_for(bl: BarLedger, clock: SetClock, value: float) -> None:
    load(bl, clock, until=EX)
    bl.actions.add("A", "split" if value > 1 else "reverse_split", EX * DAY, value=value)


def test_what_is_known_already_is_said_once(bl: BarLedger, clock: SetClock) -> None:
    load(bl, clock, until=EX)
    with pytest.warns(NotCounted):
        bl.actions.add("A", "split", EX * DAY, value=2)
    bl.actions.add("A", "split", EX * DAY, value=2)


def test_a_file_and_a_correction_are_looked_at_too(bl: BarLedger, clock: SetClock, tmp_path: Path) -> None:
    load(bl, clock, until=EX + 3)
    file = tmp_path / "actions.csv"
    file.write_text(f"instrument,kind,ex_date,value\nA,split,{format_time(EX * DAY)[:10]},2:1\n")
    with pytest.warns(NotCounted, match="still move"):
        bl.actions.import_csv(file)
    bl.actions.import_csv(file)
    with pytest.warns(NotCounted, match="still move"):
        bl.actions.correct("A", "split", EX * DAY, value=1.9, reason="better")
