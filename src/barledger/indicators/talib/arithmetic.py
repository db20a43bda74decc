"""Arithmetic, bar by bar and over windows."""

from typing import Final

from barledger.indicators.talib.entry import Entry, bars
from barledger.indicators.talib.rules import ANEW, PLACED, SINCE, SUMMED

_PLACE: Final = "Rows are counted from 0 at the first bar that is computed on; of equal values the newest counts."


def _two(name: str, title: str, sign: str, convention: str = "") -> Entry:
    return Entry(
        name=name,
        title=title,
        inputs="high low",
        rule=ANEW,
        formula=f"a {sign} b",
        convention=convention or "Of two inputs, which are the high and the low unless they are named.",
        partial=True,
    )


def _one(name: str, title: str, formula: str, *, convention: str = "", partial: bool = False) -> Entry:
    return Entry(name=name, title=title, rule=ANEW, formula=formula, convention=convention, partial=partial)


ENTRIES: Final = (
    _two("add", "Sum of two", "+"),
    _two("sub", "Difference of two", "-"),
    _two("mult", "Product of two", "*"),
    _two("div", "Quotient of two", "/", "Missing where b is 0. By default the high and the low."),
    Entry(
        name="sum",
        title="Sum over a window",
        parameters=(bars(30),),
        rule=SUMMED,
        formula="x[i] + ... + x[i - timeperiod + 1]",
    ),
    Entry(
        name="cumsum",
        title="Sum since the first bar",
        rule=SINCE,
        aliases="cumulative_sum",
        formula="x[0] + ... + x[i]",
    ),
    Entry(
        name="max",
        title="Highest value of a window",
        parameters=(bars(30),),
        rule=ANEW,
        aliases="highest",
        formula="max(x[i - timeperiod + 1], ..., x[i])",
    ),
    Entry(
        name="min",
        title="Lowest value of a window",
        parameters=(bars(30),),
        rule=ANEW,
        aliases="lowest",
        formula="min(x[i - timeperiod + 1], ..., x[i])",
    ),
    Entry(
        name="minmax",
        title="Lowest and highest value of a window",
        parameters=(bars(30),),
        outputs="min max",
        rule=ANEW,
        formula="min and max of x[i - timeperiod + 1], ..., x[i]",
    ),
    Entry(
        name="maxindex",
        title="Row of the highest value of a window",
        outputs="maxindex:integer",
        parameters=(bars(30),),
        rule=PLACED,
        formula="the row of max(x, timeperiod)",
        convention=_PLACE,
    ),
    Entry(
        name="minindex",
        title="Row of the lowest value of a window",
        outputs="minindex:integer",
        parameters=(bars(30),),
        rule=PLACED,
        formula="the row of min(x, timeperiod)",
        convention=_PLACE,
    ),
    Entry(
        name="minmaxindex",
        title="Rows of the lowest and the highest value of a window",
        parameters=(bars(30),),
        outputs="min:minidx max:maxidx",
        rule=PLACED,
        formula="the rows of min(x, timeperiod) and max(x, timeperiod)",
        convention=_PLACE,
    ),
    _one("acos", "Arc cosine", "acos(x)", convention="In radians; missing outside -1..1.", partial=True),
    _one("asin", "Arc sine", "asin(x)", convention="In radians; missing outside -1..1.", partial=True),
    _one("atan", "Arc tangent", "atan(x)", convention="In radians."),
    _one("ceil", "Ceiling", "the smallest whole number that is not below x"),
    _one("cos", "Cosine", "cos(x)", convention="Of radians."),
    _one("cosh", "Hyperbolic cosine", "cosh(x)", convention="Missing where it overflows.", partial=True),
    _one("exp", "Exponential", "e^x", convention="Missing where it overflows, from about 709.8 on.", partial=True),
    _one("floor", "Floor", "the largest whole number that is not above x"),
    _one("ln", "Natural logarithm", "ln(x)", convention="Missing unless x is positive.", partial=True),
    _one("log10", "Decimal logarithm", "log10(x)", convention="Missing unless x is positive.", partial=True),
    _one("sin", "Sine", "sin(x)", convention="Of radians."),
    _one("sinh", "Hyperbolic sine", "sinh(x)", convention="Missing where it overflows.", partial=True),
    _one("sqrt", "Square root", "sqrt(x)", convention="Missing where x is negative.", partial=True),
    _one("tan", "Tangent", "tan(x)", convention="Of radians.", partial=True),
    _one("tanh", "Hyperbolic tangent", "tanh(x)"),
)
