"""What the columns of several tables have in common."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Conditions of partial indexes, since the rows that they find are few among very many.
OPEN: Final = "state <> 'committed'"
LEFT: Final = "NOT repaired"
WAITING: Final = "state = 'waiting'"

# A 64-bit key that SQLite numbers by itself.
Id = BigInteger().with_variant(Integer, "sqlite")


def number(name: str) -> Column[int]:
    """Return a column of integers, 0 unless something is said."""
    return Column(name, BigInteger, nullable=False, default=0, server_default="0")


def words(name: str) -> Column[str]:
    """Return a column of text, empty unless something is said."""
    return Column(name, Text, nullable=False, default="", server_default="")


def series_id(*, primary: bool) -> Column[int]:
    """Return the column that says which series a row is about."""
    return Column("series_id", Id, ForeignKey("series.id"), primary_key=primary, nullable=False, autoincrement=False)


def key(name: str, kind: type[BigInteger] | type[Text] = BigInteger) -> Column[object]:
    """Return a column of a primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False)
