"""The catalogue: every indicator that comes with barledger, as a part of a page that is written and checked by command.

``python -m barledger.indicators.catalogue docs/indicators.md`` writes it between its marks; ``--check`` ends with 1 if
what stands there is not what would be written.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, get_args

from barledger.indicators import own, talib
from barledger.indicators.definition import Indicator, Kind, Output, Reach
from barledger.indicators.parameter import Parameter
from barledger.indicators.scales import agreements

BEGIN: Final = "<!-- what follows is written by `make docs` from the registry -->"
END: Final = "<!-- what is above is written by `make docs` -->"
_MEMORIES: Final = {
    "window": "on so many bars",
    "contractive": "on all bars, the older the less",
    "path": "on all bars since an anchor",
    "index": "a row, counted from an anchor",
}


def built_in() -> list[Indicator]:
    """Return the indicators that come with barledger, by name; raises `DriverMissing`."""
    return sorted([*talib.indicators(), *own.indicators()], key=lambda one: one.name)


def markdown(indicators: Iterable[Indicator]) -> str:
    """Return what is known of indicators, by kind, with links to each."""
    by_kind: dict[str, list[Indicator]] = {}
    for one in indicators:
        by_kind.setdefault(one.kind, []).append(one)
    kinds = [kind for kind in get_args(Kind) if kind in by_kind]
    lines = [f"{sum(map(len, by_kind.values()))} indicators:", ""]
    lines += [f"- {kind} ({len(by_kind[kind])}): {', '.join(map(_link, by_kind[kind]))}" for kind in kinds]
    for kind in kinds:
        lines += ["", f"### {kind.capitalize()}"]
        for one in by_kind[kind]:
            lines += ["", *_entry(one)]
    return "\n".join(lines) + "\n"


def written(page: str, part: str) -> str:
    """Return a page with another part between its marks; raises `ValueError` where they do not stand."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        message = f"the page has no lines {BEGIN} and {END}"
        raise ValueError(message)
    return f"{head}{BEGIN}\n\n{part}\n{END}{tail}"


def main(arguments: Sequence[str]) -> int:
    """Write the part, or check it; returns the exit code."""
    paths = [Path(one) for one in arguments if one != "--check"]
    if len(paths) != 1:
        sys.stderr.write("usage: python -m barledger.indicators.catalogue [--check] PAGE\n")
        return 2
    page = paths[0].read_text(encoding="utf-8")
    made = written(page, markdown(built_in()))
    if made == page:
        return 0
    if "--check" in arguments:
        sys.stderr.write(f"{paths[0]} does not have the indicators that there are; run make docs\n")
        return 1
    paths[0].write_text(made, encoding="utf-8")
    return 0


# --- an entry ----------------------------------------------------------------------------------------


def _link(one: Indicator) -> str:
    return f"[{one.name}](#{one.name})"


def _entry(one: Indicator) -> Iterator[str]:
    yield f"#### {one.name}"
    yield ""
    title = one.title.rstrip(".")
    also = f" Also `{'`, `'.join(one.aliases)}`." if one.aliases else ""
    yield f"{title}: `{_spec(one)}`.{also}"
    yield ""
    for label, text in (("formula", one.formula), ("convention", one.convention), ("reference", one.reference)):
        if text:
            yield f"- {label}: {_prose(text, formula=label == 'formula')}"
    yield from (f"- `{it.name}`: {_parameter(it)}" for it in one.parameters)
    yield f"- gives {', '.join(map(_output, one.outputs))}"
    reach = one.reach(one.defaults)
    yield f"- depends {_MEMORIES[reach.memory]} ({reach.memory}); {_warmup(one, reach)}; {_streams(one)}"
    if one.policy != "segment":
        yield f"- at a gap: {one.policy}"


def _spec(one: Indicator) -> str:
    inputs = one.inputs or (("time",) if one.timed else ())
    given = [f"{it.name}={_value(it.default)}" for it in one.parameters]
    return f"{one.name}({', '.join([*inputs, *given])})"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prose(text: str, *, formula: bool) -> str:
    """Return a text on one line; a formula as it stands, since its signs would be those of Markdown."""
    line = " ".join(text.split())
    return f"`{line}`" if formula and "`" not in line else line


def _parameter(one: Parameter) -> str:
    default = f"as `{one.follows}` unless given" if one.follows else f"{_value(one.default)} unless given"
    also = f"; also `{'`, `'.join(one.aliases)}`" if one.aliases else ""
    note = f"; {one.note}" if one.note else ""
    return f"{one.allowed}, {default}{also}{note}"


def _output(one: Output) -> str:
    also = f" (also `{'`, `'.join(one.aliases)}`)" if one.aliases else ""
    note = f" ({one.note})" if one.note else ""
    return f"`{one.name}`{also}{note}"


def _warmup(one: Indicator, reach: Reach) -> str:
    first = f"first value after {_bars(reach.lookback)}"
    if reach.memory in ("path", "index"):
        return first
    same = "to the bit" if reach.exact else f"({agreements(one)})"
    return f"{first}, that of the whole history {same} after {_bars(reach.settled)}"


def _bars(count: int) -> str:
    return f"{count:,} bar{'s' * (count != 1)}"


def _streams(one: Indicator) -> str:
    return "cannot be streamed" if one.stream is None else "can be streamed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
