"""Live indicators on a library: they go on where the stored history ends, and follow what becomes of it."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY, MINUTE, SECOND, Timeframe
from barledger.errors import CannotStream, InputUnsuitable, InvalidSetting, InvalidSpec, SeriesNotFound
from barledger.services.indicators.absences import Absences
from barledger.services.indicators.following import Followed
from barledger.services.indicators.live import LiveService
from barledger.services.ingestion import DataIngestionService
from barledger.services.ingestion.follow import ClosedBar
from barledger.stores.memory import MemoryStore
from libraries import frame
from scripted import SPLITS, Market, ScriptedSource, SetClock, clocked, service
from streams import same_bits

START = 1_000 * DAY + 30 * SECOND
SPECS = ["rsi(3)", "sma(rsi(3), 4)", "obv", "macd(3, 5, 2)"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    with clocked(MemoryStore(), clock) as opened:
        yield opened


class Scene:
    """A market of minutes, a library with some hours of it, and live indicators over both."""

    def __init__(self, bl: BarLedger, clock: SetClock, **declared: Any) -> None:
        self.bl, self.clock = bl, clock
        self.market = Market(timeframe=Timeframe.of("1m"), listed=999 * DAY)
        self.source = ScriptedSource({"A": self.market, "B": self.market}, clock, page=5_000, **declared)
        self.ingestion: DataIngestionService = service(bl, clock, self.source)
        self.live = LiveService(
            bl.vault, bl.retrieval, self.ingestion, Absences(bl.vault, bl.instruments, bl.availability)
        )

    def history(self, minutes: int = 200) -> None:
        self.ingestion.ingest("A", "1m", source="scripted", start=1_000 * DAY - minutes * MINUTE)

    def follow(self, specs: Any = SPECS, **options: Any) -> Iterator[Followed]:
        return self.live.follow(specs, "A", "1m", source="scripted", **options)

    def take(
        self, count: int, *, then: Callable[[int], None] = lambda _: None, specs: Any = SPECS, **options: Any
    ) -> list[Followed]:
        """Return so many bars; after each of them something may happen."""
        found = []
        for at, one in enumerate(itertools.islice(self.follow(specs, **options), count)):
            found.append(one)
            then(at)
        return found

    def right(self, specs: Any = SPECS) -> dict[int, dict[str, float]]:
        """Return the batch's values of all that is stored now, by time."""
        found = self.bl.indicators.calculate(specs, "A", "1m", source="scripted")
        columns = {name: found.values(name) for name in found.columns}
        return {
            int(time): {name: float(column[at]) for name, column in columns.items()}
            for at, time in enumerate(found.time)
        }


@pytest.fixture
def scene(bl: BarLedger, clock: SetClock) -> Scene:
    return Scene(bl, clock)


def day_of(bl: BarLedger, *days: int) -> None:
    bl.write("A", "1d", frame(days), source="desk")


def same(found: dict[str, float], wanted: dict[str, float]) -> bool:
    return list(found) == list(wanted) and same_bits(list(found.values()), list(wanted.values()))


# --- opened on history ---------------------------------------------------------------------------


def test_the_next_bar_goes_on_from_the_last_stored_one(bl: BarLedger) -> None:
    bars = frame(range(200))
    bars["close"] += np.sin(np.arange(200))
    bl.write("A", "1d", bars[:150], source="desk")
    live = bl.indicators.stream(["obv", "ema(5)", "max(7)"], "A", "1d")
    assert live.time == 149 * DAY
    assert live.anchor == 0
    found = [live.update(bar) for _, bar in bars[150:].iterrows()]
    bl.write("A", "1d", bars[150:], source="desk")
    whole = bl.indicators.calculate(["obv", "ema(5)", "max(7)"], "A", "1d")
    for name in whole.columns:
        assert same_bits([one[name] for one in found], whole.values(name)[150:])


def test_what_has_no_path_reads_no_more_than_it_needs(bl: BarLedger) -> None:
    day_of(bl, *range(200))
    live = bl.indicators.stream("max(7)", "A", "1d")
    assert live.anchor == 193 * DAY
    assert live.value == bl.indicators.calculate("max(7)", "A", "1d").values("max(7)")[-1]


def test_a_start_is_the_anchor_of_a_path(bl: BarLedger) -> None:
    day_of(bl, *range(50))
    live = bl.indicators.stream("obv", "A", "1d", start=40 * DAY)
    assert live.anchor == 40 * DAY
    assert live.value == 10 * 1000.0


@pytest.mark.parametrize("start", [100, 195, 199, 200, 230])
def test_a_start_cuts_no_warm_up(bl: BarLedger, start: int) -> None:
    bars = frame(range(260))
    bars["close"] += np.sin(np.arange(260))
    bl.write("A", "1d", bars[:200], source="desk")
    specs = ["max(7)", "ema(5)", "sma(rsi(3), 4)", "obv"]
    live = bl.indicators.stream(specs, "A", "1d", start=start * DAY)
    assert live.time == 199 * DAY
    assert live.anchor == (start * DAY if start < 200 else None)
    found = {int(bar.name.value): live.update(bar) for _, bar in bars[200:].iterrows()}
    bl.write("A", "1d", bars[200:], source="desk")
    wanted = bl.indicators.calculate(specs[:-1], "A", "1d", start=max(start, 200) * DAY)
    for name in wanted.columns:
        pairs = [(found[int(time)][name], value) for time, value in zip(wanted.time, wanted.values(name), strict=True)]
        assert same_bits(*zip(*pairs, strict=True)) or np.allclose(*zip(*pairs, strict=True), rtol=1e-9)
        assert not np.isnan(pairs).any()
    counted = bl.indicators.calculate("obv", "A", "1d", start=200 * DAY, anchor=min(start, 200) * DAY)
    if start <= 200:
        assert same_bits([one["obv"] for one in found.values()], counted.values("obv"))


def test_a_start_has_the_value_of_its_first_bar_as_calculate_has_it(bl: BarLedger) -> None:
    bars = frame(range(200))
    bars["close"] += np.sin(np.arange(200))
    bl.write("A", "1d", bars, source="desk")
    live = bl.indicators.stream("max(7)", "A", "1d", start=199 * DAY)
    assert live.exact
    assert live.value == bl.indicators.calculate("max(7)", "A", "1d", start=199 * DAY).values("max(7)")[-1]


def test_a_start_before_which_too_little_is_stored_goes_on_warming_up(bl: BarLedger) -> None:
    day_of(bl, *range(4))
    live = bl.indicators.stream("max(7)", "A", "1d", start=2 * DAY)
    assert (live.anchor, live.count) == (0, 4)
    assert np.isnan(live.value)


def test_a_version_is_where_it_stands(bl: BarLedger) -> None:
    day_of(bl, *range(50))
    first = bl.bars("A", "1d").revision
    day_of(bl, 50, 51)
    assert bl.indicators.stream("sma(3)", "A", "1d", version=f"revision:{first}").time == 49 * DAY
    assert bl.indicators.stream("sma(3)", "A", "1d").time == 51 * DAY


def test_too_short_a_history_goes_on_warming_up(bl: BarLedger) -> None:
    day_of(bl, 0, 1)
    live = bl.indicators.stream("sma(4)", "A", "1d")
    assert np.isnan(live.value)
    assert np.isnan(live.update({"time": 2 * DAY, "close": 1.0}))
    assert live.update({"time": 3 * DAY, "close": 1.0}) > 0
    assert live.exact


def test_days_that_the_calendar_expects_and_are_missing_restart_it(bl: BarLedger) -> None:
    bl.instruments.declare("A", calendar="XNYS")
    week = [18_631 + at for at in range(5)]  # Monday, 2021-01-04, to Friday
    day_of(bl, *week)
    live = bl.indicators.stream("sma(3)", "A", "1d")
    close = {"close": 1.0}
    assert not np.isnan(live.update({"time": (week[4] + 3) * DAY, **close})), "a weekend is no gap"
    assert np.isnan(live.peek({"time": (week[4] + 5) * DAY, **close})), "Tuesday is missing"
    assert np.isnan(live.update({"time": (week[4] + 5) * DAY, **close}))
    assert np.isnan(live.update({"time": (week[4] + 6) * DAY, **close}))
    assert live.update({"time": (week[4] + 7) * DAY, **close}) == 1.0


def test_what_cannot_go_on_is_refused_when_it_is_asked_for(bl: BarLedger, scene: Scene) -> None:
    day_of(bl, 0, 1)
    with pytest.raises(CannotStream, match="MSFT"):
        bl.indicators.stream("correl(close, @MSFT, 5)", "A", "1d")
    with pytest.raises(CannotStream):
        scene.follow("correl(close, @MSFT, 5)")
    with pytest.raises(InvalidSpec):
        scene.follow("sma(")
    with pytest.raises(SeriesNotFound):
        bl.indicators.stream("sma(3)", "NOWHERE", "1d")


# --- followed ------------------------------------------------------------------------------------


def test_values_come_as_bars_close_and_are_the_batch(scene: Scene) -> None:
    scene.history()
    found, right = scene.take(20), scene.right()
    assert [one.time for one in found] == [1_000 * DAY + at * MINUTE for at in range(20)]
    for one in found:
        assert one.bar.time == one.time
        assert one.corrected == ()
        assert same(one.values, right[one.time])


def test_without_a_history_values_warm_up(scene: Scene) -> None:
    found, right = scene.take(10, specs="rsi(3)"), scene.right("rsi(3)")
    assert np.isnan(found[0].values)
    assert same_bits([one.values for one in found], [right[one.time]["rsi(3)"] for one in found])


@pytest.mark.parametrize("back", [1, 3, 9])
def test_a_correction_of_a_bar_that_was_given_rewinds_and_says_so(scene: Scene, back: int) -> None:
    scene.history()
    wrong = 1_000 * DAY + (10 - back) * MINUTE

    def then(at: int) -> None:
        if at == 10:
            scene.market.corrected = {wrong: 70.0}
            scene.ingestion.ingest("A", "1m", source="scripted", refresh=15)

    found = scene.take(14, then=then)
    right = scene.right()
    (told,) = [one for one in found if one.corrected]
    assert told is found[11]
    assert told.corrected_from == wrong
    first = told.corrected[0]
    assert first.time == wrong
    assert first.old_bar is not None
    assert first.bar is not None
    assert first.bar["close"] == pytest.approx(first.old_bar["close"] + 0.7)
    for one in told.corrected:
        given = next(each for each in found if each.time == one.time)
        assert same(one.old, given.values)
        assert same(one.values, right[one.time])
    changed = {one.time for one in told.corrected}
    assert {one.time for one in found[:11] if not same(one.values, right[one.time])} == changed
    for one in found[11:]:
        assert same(one.values, right[one.time])


def test_a_correction_before_all_that_was_given_counts_too(scene: Scene) -> None:
    scene.history()

    def then(at: int) -> None:
        if at == 2:
            scene.market.corrected = {1_000 * DAY - 5 * MINUTE: 70.0}
            scene.ingestion.ingest("A", "1m", source="scripted", refresh=30)

    found, right = scene.take(6, then=then), scene.right()
    (told,) = [one for one in found if one.corrected]
    assert told.corrected_from == 1_000 * DAY - 5 * MINUTE
    assert {one.time for one in told.corrected} <= {one.time for one in found}
    for one in found[3:]:
        assert same(one.values, right[one.time])


def test_a_bar_that_comes_late_is_told_and_counts(scene: Scene) -> None:
    scene.history()
    late = 1_000 * DAY + 2 * MINUTE
    scene.market.gone = {late}

    def then(at: int) -> None:
        if at == 5:
            scene.market.gone = set()
            scene.ingestion.ingest("A", "1m", source="scripted", refresh=10)

    found, right = scene.take(9, then=then), scene.right()
    (told,) = [one for one in found if one.corrected]
    first = told.corrected[0]
    assert (first.time, first.old_bar, first.old) == (late, None, None)
    assert same(first.values, right[late])
    assert same(found[-1].values, right[found[-1].time])


def test_a_bar_that_comes_before_all_others_moves_the_anchor_of_a_path(scene: Scene) -> None:
    scene.history(5)

    def then(at: int) -> None:
        if at == 3:
            early = 1_000 * DAY - 30 * MINUTE
            scene.ingestion.ingest("A", "1m", source="scripted", start=early, end=early + MINUTE)

    found, right = scene.take(6, then=then), scene.right()
    (told,) = [one for one in found if one.corrected]
    assert told.corrected_from == 1_000 * DAY - 30 * MINUTE
    assert {one.time for one in told.corrected} == {one.time for one in found[:4]}
    assert same(found[-1].values, right[found[-1].time])


def test_what_forgets_does_not_mind_what_changed_long_ago(scene: Scene) -> None:
    scene.history()

    def then(at: int) -> None:
        if at == 2:
            scene.market.corrected = {1_000 * DAY - 100 * MINUTE: 70.0}
            scene.ingestion.ingest("A", "1m", source="scripted", refresh=150)

    found, right = scene.take(9, then=then, specs=["max(5)"]), scene.right(["max(5)"])
    assert not [one for one in found if one.corrected or one.corrected_from]
    assert all(same(one.values, right[one.time]) for one in found)


def test_a_bar_that_is_withdrawn_is_told_and_counts_no_more(scene: Scene) -> None:
    scene.history()
    gone = 1_000 * DAY + 2 * MINUTE

    def then(at: int) -> None:
        if at == 5:
            scene.bl.withdraw("A", "1m", [gone], source="scripted", reason="never traded")

    found, right = scene.take(8, then=then), scene.right()
    (told,) = [one for one in found if one.corrected]
    (withdrawn,) = [one for one in told.corrected if one.bar is None]
    assert (withdrawn.time, withdrawn.values) == (gone, None)
    assert gone not in right
    assert same(found[-1].values, right[found[-1].time])


def test_a_restated_history_is_taken_in_anew(bl: BarLedger, clock: SetClock) -> None:
    scene = Scene(bl, clock, adjustment=SPLITS)
    scene.history(60)

    def then(at: int) -> None:
        if at == 2:
            scene.market.splits = [(1_000 * DAY + 3 * MINUTE, 2.0)]

    found, right = scene.take(6, then=then), scene.right()
    assert found[3].bar.restatement is not None
    assert [one.time for one in found[3].corrected] == [one.time for one in found[:3]]
    for one in found[3:]:
        assert same(one.values, right[one.time])


def test_corrections_far_back_are_computed_from_a_copy_and_come_to_the_same(scene: Scene) -> None:
    scene.history()

    def then(at: int) -> None:
        if at in (150, 260):
            scene.market.corrected[1_000 * DAY + (at - 100) * MINUTE] = 50.0
            scene.ingestion.ingest("A", "1m", source="scripted", refresh=200)

    found, right = scene.take(270, then=then), scene.right()
    told = [one for one in found if one.corrected]
    assert [(one.time // MINUTE) % 1440 for one in told] == [151, 261]
    for one in found[261:]:
        assert same(one.values, right[one.time])


def test_several_instruments_have_values_of_their_own(scene: Scene) -> None:
    found = list(itertools.islice(scene.live.follow("sma(2)", ["A", "B"], "1m", source="scripted", settle=1.0), 8))
    assert [one.bar.instrument for one in found] == ["A", "B"] * 4
    assert same_bits([one.values for one in found[::2]], [one.values for one in found[1::2]])


def test_closing_it_closes_the_source(scene: Scene) -> None:
    following = scene.follow("sma(2)")
    next(following)
    following.close()  # type: ignore[attr-defined]
    assert scene.source.closed


def test_what_is_given_is_readable(scene: Scene) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (one,) = scene.take(1, specs="sma(2)")
    assert repr(one).startswith("Followed(time=1972-09-27T00:00:00Z, bar=ClosedBar(instrument='A'")


def test_bars_of_another_series_or_timeframe_are_refused(bl: BarLedger) -> None:
    bl.write("A", "1d", frame(range(900, 950)), source="mine")
    live = bl.indicators.stream("rsi(5)", "A", "1d")
    before = live.save()
    after = (live.time or 0) + DAY
    for wrong, told in [
        ({"instrument": "B"}, "a bar of B 1d is given after those of A 1d"),
        ({"timeframe": "1h"}, "a bar of A 1h is given after those of A 1d"),
    ]:
        bar = {"instrument": "A", "timeframe": "1d", "time": after, "close": 1.0} | wrong
        for ask in (live.update, live.peek):
            with pytest.raises(InputUnsuitable, match=told):
                ask(bar)
    with pytest.raises(InputUnsuitable, match="opens 1m after the one before, and the timeframe is 1d"):
        live.update({"time": (live.time or 0) + DAY // 1_440, "close": 1.0})
    assert live.save() == before
    live.update({"instrument": "a", "timeframe": "1d", "time": after, "close": 1.0})
    assert live.time == after


def test_what_is_asked_for_wrongly_is_refused_before_anything_is_read(bl: BarLedger) -> None:
    with pytest.raises(InvalidSetting, match="'drop' is none of segment, skip, raise"):
        bl.indicators.stream("rsi(5)", "A", "1d", nan_policy="drop")  # type: ignore[arg-type]
    with pytest.raises(InputUnsuitable, match="a DataFrame is given for the name"):
        bl.indicators.stream("rsi(5)", frame(range(5)), "1d")  # type: ignore[arg-type]


class Feed:
    """Gives bars that are written as they close; what comes before one may be done to the library."""

    def __init__(self, bl: BarLedger, bars: Any, then: Callable[[int], None]) -> None:
        self._bl, self._bars, self._then = bl, bars, then

    def follow(self, *_: Any, **__: Any) -> Iterator[ClosedBar]:
        for at, row in enumerate(self._bars.itertuples()):
            self._then(at)
            revision = self._bl.write("A", "1d", self._bars[at : at + 1], source="desk").revision
            values = {name: getattr(row, name) for name in VALUES}
            time = row.Index.value
            yield ClosedBar(
                instrument="A",
                timeframe="1d",
                source="desk",
                time=time,
                close_time=time + DAY,
                revision=revision,
                **values,
            )


@pytest.mark.parametrize("back", [1, 2])
def test_a_correction_before_bars_that_are_skipped_counts(bl: BarLedger, back: int) -> None:
    bars = frame(range(60))
    bars.loc[bars.index[40:48], "close"] = np.nan
    bl.write("A", "1d", bars[:30], source="desk")
    changed = bars[40 - back : 41 - back] + 0.5

    def then(at: int) -> None:
        if at == 18:
            bl.write("A", "1d", changed, source="desk", reason="corrected")

    live = LiveService(
        bl.vault,
        bl.retrieval,
        Feed(bl, bars[30:], then),  # type: ignore[arg-type]
        Absences(bl.vault, bl.instruments, bl.availability),
    )
    specs = ["max(3)", "min(max(2), 2)"]
    found = list(live.follow(specs, "A", "1d", source="desk", nan_policy="skip"))
    told = [one.corrected_from for one in found]
    assert told == [None] * 18 + [changed.index[0].value] + [None] * 11
    right = bl.indicators.calculate(specs, "A", "1d", source="desk", nan_policy="skip")
    for name in right.columns:
        assert same_bits([one.values[name] for one in found[18:]], right.values(name)[48:])
