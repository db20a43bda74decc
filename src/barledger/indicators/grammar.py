"""The grammar of specs: ``bbands(20, 2).upper``, ``sma(rsi(14), 9)``, ``correl(close, @MSFT, 30)``.

A spec is a name, its arguments in brackets, and an output after a dot. An argument is a number, a word in quotes, a
name, another spec, or ``@`` and an instrument with a column after a dot (``@'BRK.B'.high``; the close without);
``name=`` may stand before it. Case and spaces do not count, but in quotes and after ``@``. Quotes are single or double,
so that what is in them may have the other ones: a column (``sma('Adj Close', 20)``), an instrument, or a text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from barledger.errors import InvalidSpec

_PLAIN: Final = r"[A-Za-z0-9_^][A-Za-z0-9_^/:\-]*"
_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?>[+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?))(?![A-Za-z_])"
    rf"|@(?P<foreign>{_PLAIN}|'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<sign>[(),.=])"
)
_QUOTES: Final = "'\""
_DEEPEST: Final = 20
_LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A number, or a word in quotes."""

    value: int | float | str
    place: int

    def __str__(self) -> str:
        """Write it as it is read."""
        if isinstance(self.value, str):
            return quoted(self.value)
        whole = isinstance(self.value, float) and self.value.is_integer()
        return str(int(self.value)) if whole else str(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A column of another instrument."""

    instrument: str
    column: str = "close"
    place: int
    column_place: int = 0

    def __str__(self) -> str:
        """Write it as it is read."""
        name = named(self.instrument)
        return name if self.column == "close" else f"{name}.{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What stands between commas, and the name before it, if there is one."""

    name: str
    value: "Literal | Reference | Call"
    place: int

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.name}={self.value}" if self.name else str(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A name with arguments, and an output; ``arguments`` is None where no brackets stand."""

    name: str
    arguments: tuple[Argument, ...] | None = None
    output: str = ""
    place: int
    output_place: int = 0

    def __str__(self) -> str:
        """Write it as it is read."""
        inside = "" if self.arguments is None else f"({', '.join(map(str, self.arguments))})"
        return f"{self.name}{inside}" + (f".{self.output}" if self.output else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    sort: str
    text: str
    place: int


def quoted(text: str) -> str:
    """Return a text in quotes that it does not have itself.

    >>> print(quoted("Adj Close"), quoted("d'Or"))
    'Adj Close' "d'Or"
    """
    return f'"{text}"' if "'" in text else f"'{text}'"


def named(instrument: str) -> str:
    """Return what names another instrument, in quotes where it has signs that would end its name.

    >>> named("MSFT"), named("BRK.B")
    ('@MSFT', "@'BRK.B'")
    """
    return f"@{instrument}" if re.fullmatch(_PLAIN, instrument) else f"@{quoted(instrument)}"


def parse(spec: str) -> Call:
    """Read a spec; raises `InvalidSpec` with the character that it goes wrong at."""
    if not isinstance(spec, str):
        raise InvalidSpec(spec=str(spec), place=0, reason="this is no text")
    reader = _Reader(spec)
    call = reader.call(0)
    reader.end()
    return call


class _Reader:
    """Reads one spec from left to right."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._tokens = list(self._cut())
        self._place = 0

    def call(self, depth: int) -> Call:
        """Read a name, its arguments and its output."""
        token = self._take("name", "a name of an indicator")
        if depth > _DEEPEST:
            raise self._wrong(token, f"specs may be nested {_DEEPEST} deep")
        arguments = tuple(self._arguments(depth)) if self._skip("(") else None
        call = Call(name=token.text.lower(), arguments=arguments, place=token.place)
        if self._skip("."):
            output = self._take("name", "a name of an output")
            call = replace(call, output=output.text.lower(), output_place=output.place)
        return call

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self._next.sort != "end":
            raise self._wrong(self._next, f"nothing is expected after the spec, but {self._next.text!r} stands here")

    def _arguments(self, depth: int) -> Iterator[Argument]:
        named = False
        if self._skip(")"):
            return
        while True:
            argument = self._argument(depth)
            if named and not argument.name:
                reason = "after a name=value each one needs its name"
                raise InvalidSpec(spec=self._spec, place=argument.place, reason=reason)
            named = named or bool(argument.name)
            yield argument
            if self._skip(")"):
                return
            if not self._skip(","):
                raise self._wrong(self._next, f"a comma or a closing bracket is expected{self._advice(argument)}")

    def _argument(self, depth: int) -> Argument:
        at = self._next.place
        name = ""
        if self._next.sort == "name" and self._tokens[self._place + 1].text == "=":
            name = self._take("name", "a name").text.lower()
            self._skip("=")
        return Argument(name=name, value=self._value(depth), place=at)

    def _value(self, depth: int) -> Literal | Reference | Call:
        token = self._next
        if token.sort == "name":
            return self.call(depth + 1)
        if token.sort not in ("number", "text", "foreign"):
            raise self._wrong(token, "a number, a name or another spec is expected")
        self._place += 1
        if token.sort == "number":
            # A text of any length becomes a float, which is infinite if it is too large for one.
            number = float(token.text)
            if abs(number) > _LARGEST:
                raise self._wrong(token, "a number is this large nowhere")
            # Up to there a float has every whole number as it is written.
            whole = re.fullmatch(r"[+-]?\d+", token.text)
            return Literal(value=int(number) if whole else number, place=token.place)
        if token.sort == "text":
            return Literal(value=token.text[1:-1], place=token.place)
        instrument = token.text[1:-1] if token.text[0] in _QUOTES else token.text
        if not instrument:
            raise self._wrong(token, "a name of an instrument is expected after @")
        if self._skip("."):
            column = self._take("name", "a column")
            name = column.text.lower()
            return Reference(instrument=instrument, column=name, place=token.place, column_place=column.place)
        return Reference(instrument=instrument, place=token.place)

    def _advice(self, argument: Argument) -> str:
        """Return what may have been meant where an argument goes on."""
        if isinstance(argument.value, Reference) and self._next.text in (".", "="):
            whole = re.match(r"[^\s,()]+", self._spec[argument.value.place :])
            meant = quoted(whole[0]) if whole else "'BRK.B'"
            return f"; an instrument with other signs in its name stands in quotes: @{meant}"
        if self._next.sort == "name":
            return "; a column with a space in its name stands in quotes: 'Adj Close'"
        return ""

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _skip(self, sign: str) -> bool:
        if self._next.sort == "sign" and self._next.text == sign:
            self._place += 1
            return True
        return False

    def _take(self, sort: str, wanted: str) -> _Token:
        token = self._next
        if token.sort != sort:
            raise self._wrong(token, f"{wanted} is expected")
        self._place += 1
        return token

    def _wrong(self, token: _Token, reason: str) -> InvalidSpec:
        return InvalidSpec(spec=self._spec, place=token.place, reason=reason)

    def _meaningless(self, at: int) -> InvalidSpec:
        sign, after = self._spec[at], self._spec[at + 1 : at + 2]
        if sign in _QUOTES:
            reason = "the quote that begins here does not end"
        elif sign == "@" and after and after in _QUOTES:
            at, reason = at + 1, "the quote that begins here does not end"
        elif sign == "@":
            reason = "a name of an instrument is expected after @; one with other signs stands in quotes: @'BRK.B'"
        elif sign.isalpha():
            reason = f"{sign!r} has no meaning here; a name of a column with such letters stands in quotes"
        else:
            reason = f"{sign!r} has no meaning here"
        return InvalidSpec(spec=self._spec, place=at, reason=reason)

    def _cut(self) -> Iterator[_Token]:
        at = 0
        while at < len(self._spec):
            found = _TOKEN.match(self._spec, at)
            if found is None:
                raise self._meaningless(at)
            sort = str(found.lastgroup)
            if sort != "space":
                yield _Token(sort=sort, text=found[sort], place=found.start(sort))
            at = found.end()
        yield _Token(sort="end", text="the end", place=len(self._spec))
