"""The suite that every source passes."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from barledger.domain.action import CorporateAction
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, concat
from barledger.domain.series import check_name
from barledger.domain.timeframe import TIMEFRAMES, Timeframe
from barledger.domain.validation import validate
from barledger.errors import CapabilityMissing, DataNotFound
from barledger.sources.contract import Fetched, FetchRequest, Source
from barledger.testing.bars import assert_same


class SourceContract:
    """Inherit it and give two fixtures: ``source``, and ``request_for_bars``, a request that it answers with bars.

    The answer has ten bars or more, and does not change during the test. ``unknown_instrument`` is one that the
    source cannot know.
    """

    unknown_instrument = "NO-SUCH-INSTRUMENT"

    @pytest.fixture
    def source(self) -> Source:
        """Give the source under test."""
        raise NotImplementedError

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        """Give a request, with both ends, for which the source has ten bars or more."""
        raise NotImplementedError

    # --- what it declares ----------------------------------------------------------------------

    def test_it_has_a_name_that_a_store_can_hold(self, source: Source) -> None:
        assert check_name("source", source.declaration.name)

    def test_it_declares_timeframes_that_there_are(self, source: Source) -> None:
        assert source.declaration.timeframes
        assert source.declaration.timeframes <= set(TIMEFRAMES)

    def test_it_declares_the_adjustment_of_each_column(self, source: Source) -> None:
        assert set(VALUES) <= set(source.declaration.adjustment)
        assert set(source.declaration.adjustment.values()) <= {"raw", "splits", "total"}

    def test_it_declares_its_tolerance(self, source: Source) -> None:
        assert 0 <= source.declaration.tolerance.price < 1
        assert 0 <= source.declaration.tolerance.volume < 1

    def test_it_declares_how_far_back_its_own_timeframes_reach(self, source: Source) -> None:
        assert set(source.declaration.history) <= source.declaration.timeframes
        assert all(reach > 0 for reach in source.declaration.history.values())

    def test_it_declares_how_many_threads_may_ask_and_what_library_does(self, source: Source) -> None:
        assert source.declaration.concurrency >= 1
        assert source.declaration.library.isprintable()

    def test_its_facts_speak_of_the_instrument_in_its_own_name(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        for _ in range(2):  # before anything was fetched, and afterwards
            facts = source.facts(request_for_bars)
            assert facts is None or facts.origin == source.declaration.name
            assert facts is None or facts.matches(request_for_bars.instrument)
            fetch(source, request_for_bars)

    # --- what it refuses -----------------------------------------------------------------------

    def test_a_timeframe_that_is_not_declared_is_refused(self, source: Source, request_for_bars: FetchRequest) -> None:
        for name in set(TIMEFRAMES) - source.declaration.timeframes:
            with pytest.raises(CapabilityMissing):
                fetch(source, request_for_bars, timeframe=name)

    def test_an_unknown_instrument_is_refused(self, source: Source, request_for_bars: FetchRequest) -> None:
        with pytest.raises(DataNotFound):
            fetch(source, request_for_bars, instrument=self.unknown_instrument)

    # --- what it gives -------------------------------------------------------------------------

    def test_there_are_bars_to_try_the_promises_on(self, source: Source, request_for_bars: FetchRequest) -> None:
        assert len(rows_of(fetch(source, request_for_bars))) >= 10

    def test_bars_ascend_and_lie_in_the_stretch_of_their_chunk(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        for chunk in fetch(source, request_for_bars):
            assert (np.diff(chunk.rows.time) > 0).all()
            assert all(time in chunk.interval for time in chunk.rows.time[[0, -1] if len(chunk.rows) else []].tolist())
            assert all(bar.time in chunk.interval for bar in chunk.rejected)

    def test_the_stretches_of_chunks_ascend_and_are_disjoint(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        chunks = fetch(source, request_for_bars)
        assert all(left.interval.end <= right.interval.start for left, right in pairwise(chunks))
        assert chunks[0].interval.start >= request_for_bars.interval.start
        assert chunks[-1].interval.end <= request_for_bars.interval.end

    def test_bars_keep_the_rules_that_all_bars_keep(self, source: Source, request_for_bars: FetchRequest) -> None:
        for chunk in fetch(source, request_for_bars):
            assert len(validate(chunk.rows, request_for_bars.timeframe).rows) == len(chunk.rows)
            assert chunk.rows.withdrawn is None
            assert chunk.rows.superseded_at is None

    def test_values_are_canonical(self, source: Source, request_for_bars: FetchRequest) -> None:
        found = rows_of(fetch(source, request_for_bars))
        for column in (getattr(found, name) for name in VALUES):
            assert column.dtype == np.float64
            assert not (np.signbit(column) & (column == 0)).any()
        assert found.time.dtype == np.int64

    def test_asking_twice_gives_equal_bars(self, source: Source, request_for_bars: FetchRequest) -> None:
        first = rows_of(fetch(source, request_for_bars))
        assert_same(rows_of(fetch(source, request_for_bars)), first)

    def test_a_chunk_says_in_a_line_what_was_asked(self, source: Source, request_for_bars: FetchRequest) -> None:
        assert all(chunk.asked.isprintable() for chunk in fetch(source, request_for_bars))

    def test_actions_lie_in_the_stretch_of_their_chunk(self, source: Source, request_for_bars: FetchRequest) -> None:
        for chunk in fetch(source, request_for_bars):
            assert all(action.ex_date in chunk.interval for action in chunk.actions)

    def test_actions_are_news_of_the_instrument_from_this_source(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        for action in actions_of(fetch(source, request_for_bars)):
            assert source.declaration.gives_events
            assert (action.instrument, action.source) == (request_for_bars.instrument, source.declaration.name)
            # When it was learnt is for the ledger to say.
            assert (action.known_at, action.superseded_at) == (0, 0)

    def test_as_many_threads_as_it_declares_may_ask_at_once(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        every = rows_of(fetch(source, request_for_bars))
        threads = source.declaration.concurrency
        with ThreadPoolExecutor(threads) as pool:
            for found in pool.map(lambda _: rows_of(fetch(source, request_for_bars)), range(2 * threads)):
                assert_same(found, every)

    def test_it_can_be_closed_again_and_again(self, source: Source, request_for_bars: FetchRequest) -> None:
        fetch(source, request_for_bars)
        source.close()
        source.close()

    # --- intervals -----------------------------------------------------------------------------

    def test_an_empty_interval_gives_nothing(self, source: Source, request_for_bars: FetchRequest) -> None:
        time = int(rows_of(fetch(source, request_for_bars)).time[3])
        for chunk in fetch(source, request_for_bars, interval=Interval(time, time)):
            assert not len(chunk.rows)
            assert not chunk.rejected

    def test_an_interval_between_two_bars_gives_nothing(self, source: Source, request_for_bars: FetchRequest) -> None:
        times = rows_of(fetch(source, request_for_bars)).time
        between = Interval(int(times[3]) + 1, int(times[4]))
        assert not len(rows_of(fetch(source, request_for_bars, interval=between)))

    def test_an_interval_includes_its_start_and_not_its_end(
        self, source: Source, request_for_bars: FetchRequest
    ) -> None:
        every = rows_of(fetch(source, request_for_bars))
        third, seventh = int(every.time[3]), int(every.time[7])
        found = fetch(source, request_for_bars, interval=Interval(third, seventh))
        assert_same(rows_of(found), every.pick(slice(3, 7)))
        found = fetch(source, request_for_bars, interval=Interval(third + 1, seventh + 1))
        assert_same(rows_of(found), every.pick(slice(4, 8)))
        found = fetch(source, request_for_bars, interval=Interval(third, third + 1))
        assert_same(rows_of(found), every.pick(slice(3, 4)))

    @pytest.mark.parametrize("offset", [0, 1, -1])
    def test_asking_in_parts_gives_the_same_bars_as_asking_at_once(
        self, source: Source, request_for_bars: FetchRequest, offset: int
    ) -> None:
        every = rows_of(fetch(source, request_for_bars))
        borders = [int(every.time[len(every) * at // 4]) + offset for at in (1, 2, 3)]
        ends = [request_for_bars.interval.start, *borders, request_for_bars.interval.end]
        parts = [
            rows_of(fetch(source, request_for_bars, interval=Interval(start, end))) for start, end in pairwise(ends)
        ]
        assert_same(concat(parts), every)

    def test_asking_in_parts_gives_every_action_once(self, source: Source, request_for_bars: FetchRequest) -> None:
        chunks = fetch(source, request_for_bars)
        every = actions_of(chunks)
        middle = every[len(every) // 2].ex_date if every else int(rows_of(chunks).time[5])
        span = request_for_bars.interval
        parts = [
            actions_of(fetch(source, request_for_bars, interval=part))
            for part in (Interval(span.start, middle), Interval(middle, span.end))
        ]
        assert [*parts[0], *parts[1]] == every


def fetch(
    source: Source,
    request: FetchRequest,
    *,
    instrument: str | None = None,
    timeframe: str | None = None,
    interval: Interval | None = None,
) -> list[Fetched]:
    """Return all chunks of a request, with some of it changed."""
    changed = FetchRequest(
        instrument=instrument or request.instrument,
        timeframe=Timeframe.of(timeframe) if timeframe else request.timeframe,
        interval=interval or request.interval,
        native=None if instrument else request.native,
        on_invalid=request.on_invalid,
    )
    return list(source.fetch(changed))


def rows_of(chunks: list[Fetched]) -> Rows:
    """Return the bars of all chunks."""
    return concat(chunk.rows for chunk in chunks)


def actions_of(chunks: list[Fetched]) -> list[CorporateAction]:
    """Return the actions of all chunks."""
    return [action for chunk in chunks for action in chunk.actions]
