"""Merkle trees: published vectors, a plain reference by the recursion of RFC 6962, and proofs that were changed."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.merkle import (
    EMPTY,
    Frontier,
    Tree,
    complete,
    consistency_spans,
    consistent,
    fold,
    includes,
    inclusion_spans,
    leaf_hash,
    node_hash,
)

# The reference vectors of Certificate Transparency: the tests of the reference implementation of RFC 6962
# (google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc), also in transparency-dev/merkle (testonly).
LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (leaf counted from 1, size of the tree, proof)
INCLUSION = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
# (size of the older tree, size of the newer, proof)
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]
TREE = Tree(map(leaf_hash, LEAVES))
OTHER = hashlib.sha256(b"other").digest()


def hexed(hashes: Sequence[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


# --- the reference: sections 2.1, 2.1.1 and 2.1.2 of RFC 6962, word for word ------------------------------


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: Sequence[bytes]) -> list[bytes]:
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def proof(m: int, hashes: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    n = len(hashes)
    if m == n:
        return [] if whole else [mth(hashes)]
    k = split(n)
    if m <= k:
        return [*proof(m, hashes[:k], whole=whole), mth(hashes[k:])]
    return [*proof(m - k, hashes[k:], whole=False), mth(hashes[:k])]


# --- what is published -----------------------------------------------------------------------------------


def test_roots_are_the_published_ones() -> None:
    frontier = Frontier()
    assert frontier.root.hex() == ROOTS[0]
    for size, leaf in enumerate(LEAVES, 1):
        frontier.add(leaf_hash(leaf))
        assert (frontier.size, frontier.root.hex()) == (size, ROOTS[size])
        assert TREE.root(size).hex() == ROOTS[size]


@pytest.mark.parametrize(("leaf", "size", "published"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(leaf: int, size: int, published: list[str]) -> None:
    assert hexed(TREE.inclusion(leaf - 1, size)) == published
    root, proved = bytes.fromhex(ROOTS[size]), [bytes.fromhex(one) for one in published]
    assert includes(root, size, leaf - 1, leaf_hash(LEAVES[leaf - 1]), proved)


@pytest.mark.parametrize(("old", "size", "published"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(old: int, size: int, published: list[str]) -> None:
    assert hexed(TREE.consistency(old, size)) == published
    old_root, root = bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[size])
    assert consistent(old_root, old, root, size, [bytes.fromhex(one) for one in published])


def test_the_example_of_the_rfc_has_these_proofs() -> None:
    # Section 2.1.3: seven leaves d0 to d6 with hashes a b c d e f j; g, h, i and k, l above them.
    a, b, c, d, e, f, j = leaves(7)
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741 - the RFC's own name
    tree = Tree((a, b, c, d, e, f, j))
    assert tree.root() == node_hash(k, l)
    assert [tree.inclusion(at) for at in (0, 3, 4, 6)] == [[b, h, l], [c, g, l], [f, j, k], [i, k]]
    assert [tree.consistency(old) for old in (3, 4, 6)] == [[c, d, g, l], [l], [i, j, k]]


# --- what holds of every tree ----------------------------------------------------------------------------


@given(st.integers(0, 70))
def test_roots_and_proofs_are_those_of_the_recursion(size: int) -> None:
    hashes = leaves(size)
    tree = Tree(hashes)
    assert tree.root() == mth(hashes)
    for at in range(size):
        assert tree.inclusion(at) == path(at, hashes)
        assert includes(tree.root(), size, at, hashes[at], tree.inclusion(at))
    for old in range(1, size + 1):
        assert tree.consistency(old) == proof(old, hashes)
        assert consistent(mth(hashes[:old]), old, tree.root(), size, tree.consistency(old))


@given(st.integers(0, 300), st.data())
def test_a_growing_tree_knows_its_root_and_what_it_fills(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    stop = data.draw(st.integers(0, size))
    frontier, filled = Frontier(), {}
    for leaf in hashes[:stop]:
        filled |= dict(frontier.add(leaf))
    frontier = Frontier.of(stop, frontier.packed)
    for leaf in hashes[stop:]:
        filled |= dict(frontier.add(leaf))
    tree = Tree(hashes)
    assert frontier.root == tree.root()
    assert filled == {
        (level, index): tree.hash_of((level, index)) for level in range(1, 9) for index in range(size >> level)
    }


@given(st.integers(0, 2**20), st.integers(0, 2**20))
def test_a_span_is_made_of_complete_subtrees_without_gaps(one: int, other: int) -> None:
    start, end = sorted((one, other))
    at = start
    for level, index in complete((start, end)):
        assert index << level == at
        at += 1 << level
    assert at == end


@given(st.integers(2, 2**24), st.data())
def test_proofs_are_short(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    height = (size - 1).bit_length()
    assert len(inclusion_spans(index, size)) <= height
    assert len(consistency_spans(index + 1, size)) <= height + 1


# --- what was changed ------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_a_changed_inclusion_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    tree, hashes = Tree(leaves(size)), leaves(size)
    at = data.draw(st.integers(0, size - 1))
    root, good = tree.root(), tree.inclusion(at)
    assert not includes(OTHER, size, at, hashes[at], good)
    assert not includes(root, size, at, OTHER, good)
    assert not includes(root, size, at, hashes[at], [*good, OTHER])
    assert not includes(root, size, at, hashes[at], [OTHER, *good])
    assert not includes(root, size, at, hashes[at][:-1], good)
    for other in {at - 1, at + 1, at ^ 2, size, -1} - {at}:
        assert not includes(root, size, other, hashes[at], good)
    for place in range(len(good)):
        assert not includes(root, size, at, hashes[at], [*good[:place], OTHER, *good[place + 1 :]])
        assert not includes(root, size, at, hashes[at], [*good[:place], *good[place + 1 :]])
        assert not includes(root, size, at, hashes[at], [*good[:place], good[place][:-1], *good[place + 1 :]])


@given(st.integers(1, 40), st.data())
def test_a_changed_consistency_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    tree = Tree(leaves(size))
    old = data.draw(st.integers(1, size))
    old_root, root, good = tree.root(old), tree.root(), tree.consistency(old)
    assert not consistent(OTHER, old, root, size, good)
    assert not consistent(old_root, old, OTHER, size, good)
    assert not consistent(old_root, old, root, size, [*good, OTHER])
    assert not consistent(old_root, old, root, size, [OTHER, *good])
    assert not consistent(root, size, old_root, old, good) or old == size
    if old < size:
        assert not consistent(old_root, old, root, size, [])
    for place in range(len(good)):
        assert not consistent(old_root, old, root, size, [*good[:place], OTHER, *good[place + 1 :]])
        assert not consistent(old_root, old, root, size, [*good[:place], *good[place + 1 :]])


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert fold([]) == EMPTY
    assert consistent(EMPTY, 0, TREE.root(), 8, [])
    assert not consistent(OTHER, 0, TREE.root(), 8, [])
    assert not consistent(EMPTY, 0, TREE.root(), 8, [OTHER])
    assert not consistent(TREE.root(), 8, EMPTY, 0, [])
    assert not includes(EMPTY, 0, 0, EMPTY, [])


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="2 complete subtrees, not 1"):
        Frontier(3, [EMPTY])
