"""Bars of a series, in any state and any form."""

from functools import cached_property
from itertools import chain
from typing import Annotated, Any, Final

import pyarrow as pa
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional, paging
from barledger.api.formats import Style, Tabular, choose
from barledger.api.options import Options
from barledger.api.problems import documented
from barledger.api.provenance import PROVENANCE, provenance_of
from barledger.api.remembering import rememberable
from barledger.api.response_headers import KEPT, described
from barledger.api.routes.paths import SERIES, Instrument, Timeframe
from barledger.api.routes.plain_route import PlainRoute
from barledger.api.schemas.bars import BarsAnswer, BarsMeta, BarsWish, SourceRows
from barledger.api.schemas.values import Span, listed
from barledger.api.security.callers import Reader
from barledger.api.streaming import BARS_TOLD, TABLES, stream
from barledger.domain.bars import Bars
from barledger.domain.interval import Interval
from barledger.errors import InvalidSetting
from barledger.services.retrieval.scroll import Bookmark, Scroll, Told

router: Final = APIRouter(prefix="/data/ohlcv", tags=["data"], route_class=PlainRoute)

_TEXT: Final = ("time", "open", "high", "low", "close", "volume")


@router.get(
    SERIES,
    operation_id="bars",
    summary="Bars of a series",
    response_model=None,
    responses={
        200: {"model": BarsAnswer, **TABLES, "headers": described(*KEPT, "Link", *BARS_TOLD)},
        304: conditional.UNCHANGED,
        **documented(404, 406, 409, 410),
    },
)
def bars(
    caller: Reader, request: Request, instrument: Instrument, timeframe: Timeframe, wish: Annotated[BarsWish, Query()]
) -> Response:
    """Return bars of [start_date, end_date) at a version, whole as a stream, or in pages of ``limit``.

    Headers and envelope tell what it resolved to. A page goes on in the state that the first one resolved to.
    """
    caller.check(instrument)
    form = choose(request.headers.get("accept"), wish.format)
    question = ""
    if wish.limit or wish.cursor:
        question = paging.question_of({"instrument": instrument, "timeframe": timeframe}, wish.model_dump(mode="json"))
    options: Options = request.app.state.options
    scroll = _scroll(caller, instrument, timeframe, wish, question, options.page_rows)
    events = scroll.view.actions() if wish.events else ()
    tag = conditional.tag_of(scroll.mark, form.name, wish.model_dump_json(), *events)
    kept = conditional.kept(tag, immutable=scroll.immutable)
    if wish.adjust is None and not wish.include_adjusted:
        # What is adjusted changes with the ex-dates that pass.
        rememberable(request)
    known = conditional.unchanged(request, tag, kept)
    if known is not None:
        return known
    answer = _Answer(scroll, wish, question, request, text=not form.typed_times)
    return stream(request, form, answer.table(), Style(orient=wish.orient, times=wish.times), kept | answer.headers)


def _scroll(caller: Reader, instrument: str, timeframe: str, wish: BarsWish, question: str, portion: int) -> Scroll:
    if wish.limit and wish.last:
        raise InvalidSetting(
            setting="last", reason="it counts from the end, and limit from the start; give one of both"
        )
    if wish.limit and wish.lookback:
        raise InvalidSetting(setting="lookback", reason="it is for answers that are whole; leave limit out")
    if wish.style and wish.columns:
        raise InvalidSetting(setting="style", reason="it has columns of its own; leave columns out")
    if wish.style and wish.include_adjusted:
        raise InvalidSetting(setting="style", reason="it has columns of its own; leave include_adjusted out")
    bookmark = None if wish.cursor is None else paging.bookmark_of(wish.cursor, question)
    return caller.bl.retrieval.scroll(
        instrument,
        timeframe,
        start=wish.start_date,
        end=wish.end_date,
        source=wish.source,
        version=wish.version,
        is_adjusted=wish.is_adjusted,
        lookback=wish.lookback,
        last=wish.last,
        columns=_columns(wish),
        known_within=wish.known_within,
        adjust=wish.adjust,
        include_adjusted=wish.include_adjusted,
        bookmark=bookmark,
        portion=portion,
    )


def _columns(wish: BarsWish) -> list[str] | None:
    """Return the columns that are asked for; time is in every answer, and may be named."""
    named = [name for name in listed(wish.columns) if name != "time"]
    if wish.columns and not named:
        raise InvalidSetting(setting="columns", reason="time is in every answer; name another column beside it")
    return named or None


class _Answer:
    """Bars as a table in portions, with what they resolved to."""

    def __init__(self, scroll: Scroll, wish: BarsWish, question: str, request: Request, *, text: bool) -> None:
        self._scroll, self._wish, self._text = scroll, wish, text
        self._page: Bars | None = None
        self._next: str | None = None
        if wish.limit or wish.cursor:
            self._page, bookmark = scroll.page(wish.limit or scroll.most)
            self._next = None if bookmark is None else _next(request, bookmark, question)
        self._told = scroll.told() if self._page is None else Told.of(self._page)
        self._portions = scroll.portions() if self._page is None else iter([self._page])
        self._bars = next(self._portions)
        self._first = self._tabled(self._bars)

    def table(self) -> Tabular:
        """Return the table; portions after the first are read as they are sent."""
        metadata = {f"barledger.{name}": str(value) for name, value in self._metadata.items()}
        if not self._text:
            actions = self._bars.actions if self._wish.events else None
            metadata[PROVENANCE] = provenance_of(self._scroll, self._told, self._interval, actions=actions)
        schema = self._first.schema.with_metadata(metadata)
        whole = self._page is not None or self._scroll.small
        if self._wish.style and not whole:
            raise InvalidSetting(setting="style", reason=f"it is for at most {self._scroll.most:,} bars; give a limit")
        portions = chain([self._first], map(self._tabled, self._portions))
        return Tabular(schema=schema, portions=portions, meta=self._meta, next=self._next, whole=whole)

    @property
    def headers(self) -> dict[str, str]:
        """Return what the answer resolved to as headers, which every form has."""
        told = {
            f"barledger-{name}": str(value).encode("ascii", "backslashreplace").decode()
            for name, value in self._metadata.items()
        }
        return told | paging.link(self._next)

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        told = self._told
        shown = {
            "version": self._scroll.version,
            "revision": str(told.revision),
            "digest": told.digest,
            "adjustment": told.adjustment,
            **({"adjusted": self._adjusted} if self._adjusted else {}),
            "rows": told.rows,
            "sources": ", ".join(f"{name};rows={rows}" for name, rows in told.sources),
        }
        warning = self._scroll.warning(told)
        return shown | ({"warning": warning} if warning else {})

    def _meta(self) -> dict[str, Any]:
        told, warning = self._told, self._metadata.get("warning")
        return BarsMeta(
            instrument=self._scroll.view.instrument,
            timeframe=self._scroll.view.timeframe.name,
            version=self._scroll.version,
            revision=str(told.revision),
            digest=told.digest,
            adjustment=told.adjustment,
            adjusted=self._adjusted,
            sources=[SourceRows(source=name, rows=rows) for name, rows in told.sources],
            interval=Span.of(self._interval),
            rows=told.rows,
            columns=self._first.column_names,
            warnings=[warning] if warning else [],
        ).model_dump()

    @property
    def _adjusted(self) -> str | None:
        return self._scroll.request.adjustment if self._wish.include_adjusted else None

    @property
    def _interval(self) -> Interval:
        if self._page is not None:
            return self._page.interval
        return self._scroll.whole().interval if self._scroll.small else self._scroll.interval

    def _tabled(self, bars: Bars) -> pa.Table:
        if self._wish.style is not None:
            frame = bars.styled(self._wish.style)
            name = "time" if frame.index.name is None else str(frame.index.name)
            named = frame if self._wish.style == "freqtrade" else frame.reset_index(names=name)
            return pa.Table.from_pandas(named, preserve_index=False).replace_schema_metadata(None)
        table = bars.as_table()
        if self._text and not self._wish.columns:
            # What only programs want (source_id, revision) is there by name.
            shown = [*_TEXT, *(name for name in bars.columns if name not in _TEXT)]
            return table.select(shown)
        return table


def _next(request: Request, bookmark: Bookmark, question: str) -> str:
    return paging.next_url(request, paging.cursor_of(bookmark, question))
