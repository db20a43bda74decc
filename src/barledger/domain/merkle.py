r"""Merkle trees as Certificate Transparency has them (RFC 6962, section 2.1; restated in RFC 9162, section 2.1).

A leaf's hash is ``SHA-256(0x00 || bytes)``, a node's ``SHA-256(0x01 || left || right)``. A tree of n leaves is split at
the largest power of two below n; that of none has the hash of nothing. A *complete* subtree covers 2^level leaves
from a multiple of 2^level on: once it is full it never changes, so it is named by ``(level, index)`` and may be kept.
Every hash in a proof is that of a span of leaves ``[start, end)``, and a span is put together from complete subtrees.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

Span = tuple[int, int]
"""Leaves from the first up to, not including, the second; counted from 0."""

Node = tuple[int, int]
"""A complete subtree: its level (0 is a leaf) and its number among those of that level, from 0."""

HashOf = Callable[[Node], bytes]

SIZE: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those below it."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- spans -----------------------------------------------------------------------------------------


def complete(span: Span) -> list[Node]:
    """Return the largest complete subtrees that make up a span, from left to right."""
    start, end = span
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append((level, start >> level))
        start += 1 << level
    return found


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return whose hashes prove that a leaf is in a tree of ``size``, from the leaf upwards: PATH of section 2.1.1."""
    return [sibling for _, sibling in _descend(index, size)][::-1]


def consistency_spans(old: int, size: int) -> list[Span]:
    """Return whose hashes prove that a tree is the beginning of one of ``size``: PROOF of section 2.1.2."""
    if not 0 < old < size:
        return []
    way = [*_descend(old - 1, size)]
    # Here the way to the old tree's last leaf comes to a subtree that ends with the old tree.
    there = [end for (_, end), _ in way].index(old)
    beside = [sibling for _, sibling in way[there::-1]]
    subtree = way[there][0]
    # Whoever has the old root knows the subtree already if it is the whole old tree.
    return [subtree, *beside] if subtree[0] else beside


def _descend(index: int, size: int) -> Iterable[tuple[Span, Span]]:
    """Give the way from the root to a leaf: at each step the span that holds it, and the span beside that."""
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            yield (start, middle), (middle, end)
            end = middle
        else:
            yield (middle, end), (start, middle)
            start = middle


# --- hashes ----------------------------------------------------------------------------------------


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of a span from those of its complete subtrees, left to right; `EMPTY` for none."""
    if not hashes:
        return EMPTY
    result = hashes[-1]
    for one in reversed(hashes[:-1]):
        result = node_hash(one, result)
    return result


def span_hash(span: Span, hash_of: HashOf) -> bytes:
    """Return the hash of a span."""
    return fold([hash_of(node) for node in complete(span)])


class Frontier:
    """The complete subtrees of a growing tree, largest first: all that is needed to add leaves and to know the root."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Go on from a tree of this size; raises ValueError unless there are as many hashes as it has subtrees."""
        if len(hashes) != size.bit_count():
            message = f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(hashes)}"
            raise ValueError(message)
        self.size = size
        self._hashes = list(hashes)

    @staticmethod
    def of(size: int, packed: bytes) -> "Frontier":
        """Read what `packed` gave."""
        return Frontier(size, [packed[at : at + SIZE] for at in range(0, len(packed), SIZE)])

    @property
    def packed(self) -> bytes:
        """Return the hashes, one after the other."""
        return b"".join(self._hashes)

    @property
    def root(self) -> bytes:
        """Return the tree's hash."""
        return fold(self._hashes)

    def add(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Add a leaf's hash, and return the complete subtrees above it that it has filled, from the lowest on."""
        filled = []
        level, index, hashed = 0, self.size, leaf
        while index & 1:
            hashed = node_hash(self._hashes.pop(), hashed)
            level, index = level + 1, index >> 1
            filled.append(((level, index), hashed))
        self._hashes.append(hashed)
        self.size += 1
        return filled


class Tree:
    """A whole tree in memory: every complete subtree of many leaves, for many proofs; 64 bytes for each leaf."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Hash everything above these leaves' hashes."""
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            pairs = zip(below[::2], below[1::2], strict=False)
            self._levels.append([node_hash(left, right) for left, right in pairs])

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def hash_of(self, node: Node) -> bytes:
        """Return the hash of a complete subtree."""
        level, index = node
        return self._levels[level][index]

    def root(self, size: int | None = None) -> bytes:
        """Return the hash of the tree, or of its first ``size`` leaves."""
        return span_hash((0, len(self) if size is None else size), self.hash_of)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that a leaf is in the tree of all leaves, or of the first ``size``."""
        return [span_hash(span, self.hash_of) for span in inclusion_spans(index, len(self) if size is None else size)]

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """Return the proof that the tree of the first ``old`` leaves is the beginning of this one."""
        return [span_hash(span, self.hash_of) for span in consistency_spans(old, len(self) if size is None else size)]


# --- verifying -------------------------------------------------------------------------------------


def includes(root: bytes, size: int, index: int, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows that a leaf is in a tree, by the steps of RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size or not _hashes(root, leaf, *proof):
        return False
    position, last, result = index, size - 1, leaf
    for one in proof:
        if not last:
            return False
        if position & 1 or position == last:
            result = node_hash(one, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, one)
        position, last = position >> 1, last >> 1
    return not last and result == root


def consistent(old_root: bytes, old: int, root: bytes, size: int, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows that one tree is the beginning of another, by RFC 9162, section 2.1.4.2."""
    if not 0 <= old <= size or not _hashes(old_root, root, *proof):
        return False
    if old in (0, size):
        return not proof and old_root == (EMPTY if not old else root)
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = hashes[0]
    for one in hashes[1:]:
        if not last:
            return False
        if position & 1 or position == last:
            first, second = node_hash(one, first), node_hash(one, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, one)
        position, last = position >> 1, last >> 1
    return not last and first == old_root and second == root


def _hashes(*values: bytes) -> bool:
    return all(len(value) == SIZE for value in values)
