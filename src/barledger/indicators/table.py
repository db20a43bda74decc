"""Tables: the columns that indicators are computed on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from barledger.domain.rows import Ints
from barledger.errors import InputMissing
from barledger.indicators.definition import Floats
from barledger.indicators.gaps import NO_BREAKS, WHOLE, Present, present


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Columns of one length, by what specs call them (``close``, ``@MSFT.close``), sorted by time and unique.

    Columns are contiguous float64 and are not written to; a missing value is NaN. ``time`` are opening times in ns,
    and ``breaks`` the rows before which bars are missing that should be there.
    """

    time: Ints
    columns: Mapping[str, Floats]
    breaks: Ints = field(default_factory=lambda: NO_BREAKS)
    _present: dict[str, Present] = field(default_factory=dict, repr=False)
    _whole: dict[tuple[str, ...], tuple[Floats, ...] | None] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(time: Ints, columns: Mapping[str, Floats], *, breaks: Ints = NO_BREAKS) -> "Table":
        """Hold columns that nobody can write to through the table."""
        return Table(time=time, columns={name: _sealed(values) for name, values in columns.items()}, breaks=breaks)

    def part(self, begin: int, end: int) -> "Table":
        """Return the rows [begin, end) as a table; a break at its first row is none."""
        if begin == 0 and end == len(self):
            return self
        inside = self.breaks
        if len(inside):
            inside = inside[(inside > begin) & (inside < end)] - begin
        columns = {name: values[begin:end] for name, values in self.columns.items()}
        # Of a part of what is whole, nobody has to look whether it is.
        known = {name: WHOLE for name, one in self._present.items() if one is WHOLE}
        return Table(time=self.time[begin:end], columns=columns, breaks=inside, _present=known)

    def followed(
        self, time: Ints, columns: Mapping[str, Floats], breaks: Ints, *, finite: Mapping[str, bool]
    ) -> "Table":
        """Return this table with more rows at its end; ``finite`` says in which columns these have all values."""
        known = {name: WHOLE for name, one in self._present.items() if one is WHOLE and finite[name]}
        return Table(time=time, columns=columns, breaks=breaks, _present=known)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.time)

    def column(self, name: str, indicator: str) -> Floats:
        """Return a column that an indicator wants; raises `InputMissing`."""
        found = self.columns.get(name)
        if found is None:
            raise InputMissing(indicator=indicator, column=name, found=tuple(self.columns))
        return found

    def whole(self, names: tuple[str, ...]) -> tuple[Floats, ...] | None:
        """Return columns if they are here, have all values, and no bars are missing between them; looked at once.

        Most tables are like that, and of short ones all that is done besides computing counts.
        """
        try:
            return self._whole[names]
        except KeyError:
            there = not len(self.breaks) and all(one in self.columns and self.present(one) is WHOLE for one in names)
            found = self._whole[names] = tuple(self.columns[one] for one in names) if there else None
            return found

    def present(self, name: str) -> Present:
        """Return which rows of a column are there; looked at once."""
        found = self._present.get(name)
        if found is None:
            found = self._present[name] = present(self.columns[name])
        return found


def _sealed(values: Floats) -> Floats:
    sealed = np.ascontiguousarray(values, np.float64).view()
    sealed.flags.writeable = False
    return sealed
