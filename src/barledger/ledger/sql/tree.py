"""The audit log's Merkle tree in SQL: what is kept of it, and hashes put together again from that.

Leaves lie with their entries. Of the nodes above them every fourth level is kept, one row for sixteen entries; what
lies between is hashed again from at most sixteen hashes. The frontier, from which the tree grows, lies with the clock,
which a writing transaction reads and writes anyway.
"""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

from collections.abc import Iterable, Sequence
from typing import Any, Final

from barledger.domain.merkle import Node, Span, complete, fold, node_hash
from barledger.errors import StoreDamaged
from barledger.ledger.contract.audit import KEPT_LEVELS
from barledger.ledger.sql import schema
from barledger.ledger.sql.transaction import Transaction, Writing

COLUMNS: Final = ("level", "number", "hash")
# SQLite nests conditions that are joined by OR, and not without limit.
_AT_ONCE: Final = 100

Row = tuple[int, int, bytes]


def kept(filled: Iterable[tuple[Node, bytes]]) -> list[Row]:
    """Return the rows to keep of the subtrees that a leaf has filled."""
    return [(level, number, hashed) for (level, number), hashed in filled if level % KEPT_LEVELS == 0]


def grow(writing: Writing, leaf: bytes) -> None:
    """Add an entry's leaf."""
    rows = kept(writing.tree.add(leaf))
    if rows:
        writing.insert(schema.audit_nodes, COLUMNS, rows)


def span_hashes(transaction: Transaction, spans: Sequence[Span]) -> list[bytes]:
    """Return the hashes of spans of leaves; raises `StoreDamaged` if a hash is missing."""
    nodes = [complete(span) for span in spans]
    known = hashes(transaction, {node for some in nodes for node in some})
    return [fold([known[node] for node in some]) for some in nodes]


def hashes(transaction: Transaction, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """Return the hashes of complete subtrees, from what is kept of them; raises `StoreDamaged`."""
    wanted = {node: _beneath(node) for node in nodes}
    found = {level: _read(transaction, level, wanted.values()) for level in {level for level, _ in wanted.values()}}
    return {node: _combined(found[level], span, level) for node, (level, span) in wanted.items()}


def found(transaction: Transaction, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """Return which of these nodes of kept levels are there."""
    wanted = [(level, (number, number + 1)) for level, number in nodes]
    return {
        (level, number): hashed
        for level in {level for level, _ in wanted}
        for number, hashed in _read(transaction, level, wanted).items()
    }


def _beneath(node: Node) -> tuple[int, Span]:
    """Return the kept level at or below a node, and which subtrees of it the node is made of."""
    level, number = node
    below = level % KEPT_LEVELS
    return level - below, (number << below, (number + 1) << below)


def _combined(found: dict[int, bytes], span: Span, level: int) -> bytes:
    try:
        row = [found[number] for number in range(*span)]
    except KeyError as error:
        raise StoreDamaged(where="the audit log's tree", detail=f"node {error} of level {level} is missing") from None
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def _read(transaction: Transaction, level: int, wanted: Iterable[tuple[int, Span]]) -> dict[int, bytes]:
    spans = _joined(span for of, span in wanted if of == level)
    found: dict[int, bytes] = {}
    for at in range(0, len(spans), _AT_ONCE):
        some = spans[at : at + _AT_ONCE]
        if level:
            where = " OR ".join('("level" = ? AND "number" >= ? AND "number" < ?)' for _ in some)
            query = f'SELECT "number", "hash" FROM "audit_nodes" WHERE {where}'
            parameters: list[Any] = [part for span in some for part in (level, *span)]
        else:
            # Entries are counted from 1, leaves from 0.
            where = " OR ".join('("sequence" > ? AND "sequence" <= ?)' for _ in some)
            query = f'SELECT "sequence" - 1, "leaf" FROM "audit" WHERE {where}'
            parameters = [part for span in some for part in span]
        found |= {number: bytes(hashed) for number, hashed in transaction.all(query, parameters)}
    return found


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Put spans together that touch or overlap."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
