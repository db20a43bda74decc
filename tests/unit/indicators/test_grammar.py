"""Specs are read, written again, and pointed into where they are wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.errors import InvalidSpec
from barledger.indicators.grammar import Call, Literal, Reference, parse

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
NUMBERS = st.one_of(
    st.integers(-1000, 1000),
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value != int(value)),
)
WORDS = st.one_of(
    *(
        st.text(st.characters(exclude_characters=sign, exclude_categories=["Cs"]), min_size=1, max_size=6).map(
            f"{sign}{{}}{sign}".format
        )
        for sign in ("'", '"')
    )
)
SYMBOLS = st.one_of(st.from_regex(r"[A-Z0-9]{1,5}(/[A-Z]{2,4})?", fullmatch=True), WORDS)


def specs(depth: int = 3) -> st.SearchStrategy[str]:
    literals = st.one_of(NUMBERS.map(str), WORDS)
    references = st.builds("@{}{}".format, SYMBOLS, st.sampled_from(["", ".high"]))
    values = st.one_of(literals, references, NAMES, *([specs(depth - 1)] if depth else []))
    named = st.builds("{}={}".format, NAMES, values)

    def written(name: str, plain: list[str], more: list[str], output: str) -> str:
        return f"{name}({', '.join([*plain, *more])}){output}"

    outputs = st.one_of(st.just(""), NAMES.map(".{}".format))
    return st.builds(written, NAMES, st.lists(values, max_size=3), st.lists(named, max_size=2), outputs)


def values_in(call: Call) -> list[object]:
    """Return what a spec says, without the places at which it says it."""
    found: list[object] = [call.name, call.output, call.arguments is None]
    for argument in call.arguments or ():
        found.append(argument.name)
        if isinstance(argument.value, Call):
            found += values_in(argument.value)
        elif isinstance(argument.value, Reference):
            found += [argument.value.instrument, argument.value.column]
        else:
            found.append(argument.value.value)
    return found


@given(specs())
def test_what_is_written_again_reads_the_same(spec: str) -> None:
    once = parse(spec)
    again = parse(str(once))
    assert str(again) == str(once)
    assert values_in(again) == values_in(once)


def test_a_number_may_have_any_number_of_digits() -> None:
    found = values_in(parse(f"sma({'0' * 5_000}14, -{'0' * 5_000}3, {'0' * 5_000}.5, {10**15})"))
    assert found == values_in(parse("sma(14, -3, 0.5, 1000000000000000)"))
    assert [type(one) for one in found if not isinstance(one, str | bool)] == [int, int, float, int]


def refusal(spec: str) -> InvalidSpec | None:
    try:
        parse(spec)
    except InvalidSpec as error:
        return error
    return None


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_place_in_it(text: str) -> None:
    error = refusal(text)
    assert error is None or (0 <= error.place <= len(text) and error.reason)


@given(specs(), st.data())
def test_a_spec_that_is_cut_off_is_refused_or_another_whole_one(spec: str, data: st.DataObject) -> None:
    cut = spec[: data.draw(st.integers(0, len(spec)))]
    error = refusal(cut)
    assert error.place <= len(cut) if error is not None else cut.lower().startswith(parse(cut).name)


def test_names_and_spaces_do_not_count() -> None:
    assert str(parse(" BBands ( 20,2 ) . Upper ")) == "bbands(20, 2).upper"


def test_an_argument_can_be_another_spec() -> None:
    call = parse("sma(rsi(14).rsi, 9)")
    assert call.arguments is not None
    inner = call.arguments[0].value
    assert isinstance(inner, Call)
    assert (inner.name, inner.output, str(inner)) == ("rsi", "rsi", "rsi(14).rsi")


def test_numbers_keep_their_kind() -> None:
    call = parse("x(1, -2, 2.0, 1e3, .5)")
    assert [argument.value.value for argument in call.arguments or () if isinstance(argument.value, Literal)] == [
        *(1, -2, 2.0, 1000.0, 0.5)
    ]
    kinds = [type(argument.value.value) for argument in call.arguments or () if isinstance(argument.value, Literal)]
    assert kinds == [int, int, float, float, float]


@pytest.mark.parametrize(
    ("text", "instrument", "column"),
    [
        ("@MSFT", "MSFT", "close"),
        ("@BTC/USDT.high", "BTC/USDT", "high"),
        ("@'BRK.B'", "BRK.B", "close"),
        ('@"BRK.B".low', "BRK.B", "low"),
        ("@^GSPC", "^GSPC", "close"),
        ("@'-X'", "-X", "close"),
        ("@'d\"Or'.low", 'd"Or', "low"),
        ('@"d\'Or"', "d'Or", "close"),
    ],
)
def test_another_instrument_is_named_after_a_sign(text: str, instrument: str, column: str) -> None:
    call = parse(f"correl(close, {text}, 30)")
    assert call.arguments is not None
    found = call.arguments[1].value
    assert isinstance(found, Reference)
    assert (found.instrument, found.column) == (instrument, column)
    assert values_in(parse(str(call))) == values_in(call)


@pytest.mark.parametrize(
    ("spec", "at"),
    [
        ("", 0),
        ("14", 0),
        ("rsi(", 4),
        ("rsi(14", 6),
        ("rsi(14,)", 7),
        ("rsi(14))", 7),
        ("rsi(14) + 2", 8),
        ("rsi(14) macd", 8),
        ("rsi(14).", 8),
        ("rsi(14).2", 7),
        ("rsi(a=1, 2)", 9),
        ("rsi(14abc)", 4),
        ("rsi('14)", 4),
        ("rsi(1e400)", 4),
        (f"rsi({'9' * 5_000})", 4),
        ("rsi(14).upper.lower", 13),
        ("correl(close, @'', 3)", 15),
        ("correl(close, @'BRK.B, 3)", 15),
        ("correl(close, @ MSFT, 3)", 14),
        ("correl(close, @BRK.B.close, 3)", 20),
        ("correl(close, @ES=F, 3)", 17),
        ("sma(Adj Close, 3)", 8),
        ("sma('Adj Close, 3)", 4),
        ("sma(größe, 3)", 6),
    ],
)
def test_an_error_points_at_the_character(spec: str, at: int) -> None:
    with pytest.raises(InvalidSpec) as caught:
        parse(spec)
    assert caught.value.place == at
    *_, shown, pointer = str(caught.value).split("\n")
    assert shown == f"  {spec}"
    assert pointer == "  " + " " * at + "^"


@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        ("correl(close, @BRK.B.close, 3)", "@'BRK.B.close'"),
        ("correl(close, @ES=F, 3)", "stands in quotes: @'ES=F'"),
        ("sma(Adj Close, 3)", "stands in quotes: 'Adj Close'"),
        ("sma('Adj Close, 3)", "the quote that begins here does not end"),
        ("sma(größe, 3)", "stands in quotes"),
    ],
)
def test_a_name_that_needs_quotes_is_told_so(spec: str, advice: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(advice)):
        parse(spec)


def test_nesting_has_a_limit() -> None:
    with pytest.raises(InvalidSpec, match="nested 20 deep"):
        parse("sma(" * 30 + "rsi" + ")" * 30)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="no text"):
        parse(14)  # type: ignore[arg-type]
