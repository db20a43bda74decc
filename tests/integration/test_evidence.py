"""Evidence: a bundle about a snapshot that a script without barledger verifies, and that nobody can change."""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import signed_library, tamper, write_some
from barledger import BarLedger
from barledger.domain.note import PrivateKey
from barledger.domain.timeframe import DAY
from barledger.errors import LogRewritten, NotEmpty, StoreDamaged, VersionNotFound
from barledger.stores.contract import Batch
from libraries import frame

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_evidence.py"
Verify = Callable[[Path, str], str]
Change = Callable[[dict[str, bytes]], dict[str, bytes]]


@pytest.fixture(scope="module")
def verify() -> Verify:
    """The script's own function."""
    found: Verify = runpy.run_path(str(SCRIPT))["verify"]
    return found


def minutes(count: int, step: str = "1min") -> pd.DataFrame:
    """Return bars over several days, in which something of everything is missing."""
    close = 100 + np.arange(count) / 3
    bars = pd.DataFrame(
        {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1e3},
        index=pd.date_range("1969-12-30", periods=count, freq=step, tz="UTC"),
    )
    bars["adjustment_factor"] = [np.nan if at % 5 else 0.1 + at / 7 for at in range(count)]
    bars["source_id"] = [None if at % 3 else f'id {at} "é😀' for at in range(count)]
    bars.iloc[1::4, 4] = np.nan
    bars.iloc[:1500, 5] = np.nan
    return bars


def fill(bl: BarLedger) -> None:
    bl.write("AAPL", "1m", minutes(4_000), source="desk", reason="first load")
    bl.write("AAPL", "1h", minutes(2_000, "1h"), source="desk")
    bl.write("AAPL", "1d", frame(range(-10, 800)), source="desk")
    bl.write("IBM", "1d", frame(range(500)), source="desk")
    bl.write("IBM", "1d", frame(range(3), 50.0), source="desk", reason="corrected")
    bl.write("OTHER", "1d", frame(range(3)), source="desk")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bundle, and the public key that its auditor trusts."""
    folder = tmp_path_factory.mktemp("evidence")
    with signed_library(folder) as bl:
        fill(bl)
        snap = bl.snapshot("AAPL", ["1m", "1h", "1d"], strategy="momentum-7", purpose="approval", id="bt-1")
        bl.cache.approve(snap.id, strategy="momentum-7")
        bl.bars("AAPL", "1d", version=snap.id, strategy="momentum-7", purpose="live")
        bl.evidence(snap.id, folder / "evidence.zip")
        return folder / "evidence.zip", (folder / "audit.pub").read_text()


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as read:
        return {name: read.read(name) for name in read.namelist()}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as writing:
        for name, data in files.items():
            writing.writestr(name, data)
    return path


def refused(verify: Verify, path: Path, key: str) -> str:
    """Check that the script does not verify a bundle, and return why."""
    with pytest.raises((SystemExit, Exception)) as caught:
        verify(path, key)
    return f"{type(caught.value).__name__}: {caught.value}"


# --- what is as it was -----------------------------------------------------------------------------


def test_the_script_has_fifty_lines_and_needs_nothing_of_barledger() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 120
    imported = {word for line in lines if line.startswith(("import", "from")) for word in line.split()[1:2]}
    assert not any("barledger" in word or "numpy" in word for word in imported)


def test_the_script_verifies_a_bundle_wherever_it_lies(bundle: tuple[Path, str], tmp_path: Path) -> None:
    path, key = bundle
    shutil.copy(path, tmp_path / "elsewhere.zip")
    (tmp_path / "trusted").write_text(key)
    command = [sys.executable, "-I", str(SCRIPT), str(tmp_path / "elsewhere.zip"), str(tmp_path / "trusted")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('VERIFIED: "bt-1", 3 series, ')
    data = bytearray((tmp_path / "elsewhere.zip").read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "elsewhere.zip").write_bytes(bytes(data))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NOT VERIFIED")
    assert "Traceback" not in done.stderr


def test_bars_of_every_store_are_evidence(anywhere: BarLedger, tmp_path: Path, verify: Verify) -> None:
    fill(anywhere)
    snap = anywhere.snapshot(["AAPL", "IBM"], "1d", start="1970-02-03", end="1971-07-01")
    made = anywhere.evidence(snap.id, tmp_path / "evidence.zip")
    assert (made.series, made.rows) == (2, sum(pin.rows for pin in snap.pins))
    key = str(anywhere.audit.public_key)
    assert "2 series" in verify(made.path, key)
    assert str(made) in repr(made)


def test_a_bundle_has_what_concerns_the_snapshot_and_nothing_else(bundle: tuple[Path, str]) -> None:
    files = members(bundle[0])
    told = [json.loads(json.loads(line)["body"]) for line in files["entries.jsonl"].decode().split("\n")[:-1]]
    assert [one["operation"] for one in told] == [
        "write",
        "write",
        "write",
        "snapshot",
        "materialise",
        "approve",
        "read",
    ]
    assert {series["instrument"] for one in told for series in one.get("series", ())} == {"AAPL"}
    (pinned,) = (one for one in told if one["operation"] == "snapshot")
    assert pinned["data_hash"] == hashlib.sha256(files["manifest.json"]).hexdigest()
    assert files["audit.pub"].decode() == bundle[1]
    first = json.loads(files["bars/2.jsonl"].split(b"\n")[0])
    assert first == ["-172800000000000", 100.0, 101.0, 99.0, 100.0, 1000.0, None, 'id 0 "é😀']


def test_evidence_of_an_adjusted_dataset_says_how_it_is_adjusted(tmp_path: Path, verify: Verify) -> None:
    with signed_library(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(100, 140)), source="desk")
        bl.actions.add("AAPL", "split", 120 * DAY, value=2)
        data = bl.retrieval.dataset(
            strategy="m-7",
            instruments="AAPL",
            timeframes="1d",
            start=100 * DAY,
            end=140 * DAY,
            adjust="total",
            fetch_missing=False,
        )
        shown = bl.bars("AAPL", "1d", adjust="total", version=data.id, strategy="m-7")
        bl.evidence(data.id, tmp_path / "evidence.zip")
        assert verify(tmp_path / "evidence.zip", str(bl.audit.public_key)).startswith("VERIFIED")
    lines = members(tmp_path / "evidence.zip")["entries.jsonl"].decode().splitlines()
    entries = [json.loads(json.loads(line)["body"]) for line in lines]
    (adjusted,) = [one for one in entries if one["operation"] == "adjust"]
    told = json.loads(adjusted["set"]["adjusted"])
    assert (adjusted["snapshot"], told["mode"]) == (data.id, "total")
    assert [one["digest"] for one in told["series"]] == [shown.digest]
    (read,) = [one for one in entries if one["operation"] == "read"]
    assert read["shown"][0]["adjusted"]["mode"] == "total"
    assert read["shown"][0]["digest"] == shown.digest
    # The bars in the bundle are those that are stored, which is what was pinned.
    assert "adjust" not in members(tmp_path / "evidence.zip")["manifest.json"].decode().replace("is_adjusted", "")


def test_the_same_evidence_is_the_same_bytes(tmp_path: Path) -> None:
    with signed_library(tmp_path) as bl:
        write_some(bl, 3)
        snap = bl.snapshot("AAPL", "1d", strategy="s")
        bl.cache.approve(snap.id, strategy="s")
        first, second = bl.evidence(snap.id, tmp_path / "a"), bl.evidence("strategy:s", tmp_path / "b")
        assert first.path.read_bytes() == second.path.read_bytes()


def test_named_versions_and_empty_stretches_are_evidence_too(tmp_path: Path, verify: Verify) -> None:
    with signed_library(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(10)), source="desk", version="audited-2013")
        bl.write("IBM", "1d", frame(range(10)), source="desk", version="audited-2013")
        fill(bl)
        nothing = bl.snapshot("IBM", "1d", start="1990-01-01", end="1991-01-01", id="nothing")
        for version in ("audited-2013", nothing.id):
            made = bl.evidence(version, tmp_path / f"{version}.zip")
            assert version in verify(made.path, str(bl.audit.public_key))


# --- what is not -----------------------------------------------------------------------------------


def test_what_there_is_not_or_is_in_the_way_is_refused(tmp_path: Path) -> None:
    with signed_library(tmp_path) as bl:
        write_some(bl, 3)
        for unknown in ("nothing", "latest", "strategy:nobody"):
            with pytest.raises(VersionNotFound):
                bl.evidence(unknown, tmp_path / "evidence.zip")
        snap = bl.snapshot("AAPL", "1d")
        (tmp_path / "evidence.zip").write_text("something")
        with pytest.raises(NotEmpty):
            bl.evidence(snap.id, tmp_path / "evidence.zip")
        assert (tmp_path / "evidence.zip").read_text() == "something"


def test_bars_that_are_not_what_was_pinned_are_no_evidence(tmp_path: Path) -> None:
    with signed_library(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(5)), source="desk")
        snap = bl.snapshot("AAPL", "1d", purpose="approval")
        rows = bl.bars("AAPL", "1d", version=snap.id).rows
        changed = rows.pick(np.array([True, True, False, True, True]))
        store, series, revision = bl.vault.store, snap.pins[0].series, bl.vault.ledger.revisions.last()
        store.delete(series, snap.id, [snap.pins[0].interval], revision=revision)
        store.write([Batch(series=series, layer=snap.id, rows=changed)], revision=revision)
        with pytest.raises(StoreDamaged, match=snap.id):
            bl.evidence(snap.id, tmp_path / "evidence.zip")
        assert list(tmp_path.glob("*evidence*")) == []


def test_a_snapshot_that_was_changed_is_no_evidence(tmp_path: Path) -> None:
    with signed_library(tmp_path) as bl:
        write_some(bl, 3)
        snap = bl.snapshot("AAPL", "1d")
        tamper(f"sqlite:///{tmp_path / 'ledger.sqlite'}", "UPDATE pins SET revision = revision - 1")
        with pytest.raises(LogRewritten, match="data hash"):
            bl.evidence(snap.id, tmp_path / "evidence.zip")


def _replaced(name: str, old: bytes, new: bytes) -> Change:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        assert old in files[name]
        return {**files, name: files[name].replace(old, new, 1)}

    return change


def _without(name: str) -> Change:
    return lambda files: {key: data for key, data in files.items() if key != name}


@pytest.mark.parametrize(
    "change",
    [
        _replaced("bars/1.jsonl", b"100.0", b"100.5"),
        _replaced("bars/3.jsonl", b"\n", b"\n\n"),
        _replaced("manifest.json", b'"rows":"4000"', b'"rows":"4001"'),
        _replaced("entries.jsonl", b"tester", b"nobody"),
        _replaced("checkpoint.txt", b"\n", b"1\n"),
        _replaced("audit.pub", b"+", b"+0"),
        _replaced("evidence.txt", b"bt-1", b"bt-2"),
        _replaced("evidence.txt", b"bars/1.jsonl", b"bars/9.jsonl"),
        _without("bars/2.jsonl"),
        _without("entries.jsonl"),
        _without("audit.pub"),
        _without("evidence.txt"),
        lambda files: {**files, "entries.jsonl": b"".join(files["entries.jsonl"].splitlines(keepends=True)[1:])},
        lambda files: {**files, "more.txt": b"more"},
        # The same signature, in another form.
        lambda files: {**files, "evidence.txt": files["evidence.txt"][:-3] + b"~" + files["evidence.txt"][-3:]},
        lambda files: {**files, "bars/1.jsonl": files["bars/3.jsonl"], "bars/3.jsonl": files["bars/1.jsonl"]},
        lambda files: dict(reversed(files.items())),
    ],
)
def test_a_bundle_that_was_changed_is_not_verified(
    bundle: tuple[Path, str], tmp_path: Path, verify: Verify, change: Change
) -> None:
    path, key = bundle
    assert verify(zipped(tmp_path / "same.zip", members(path)), key)
    assert refused(verify, zipped(tmp_path / "changed.zip", change(members(path))), key)


def _resigned(files: dict[str, bytes], key: PrivateKey) -> dict[str, bytes]:
    """Hash everything again, and sign it with another key, as somebody would who changed it."""
    head = files["evidence.txt"].decode().split("\n")[:3]
    rest = {name: data for name, data in files.items() if name != "evidence.txt"}
    listed = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in rest.items()]
    return {**rest, "evidence.txt": key.sign("\n".join([*head, *listed]) + "\n").encode()}


def test_a_bundle_that_somebody_else_has_signed_is_not_verified(
    bundle: tuple[Path, str], tmp_path: Path, verify: Verify
) -> None:
    path, key = bundle
    files = members(path)
    forger = PrivateKey.generate(key.split("+")[0])
    forged = {**files, "audit.pub": f"{forger.public}\n".encode()}
    target = zipped(tmp_path / "forged.zip", _resigned(forged, forger))
    assert "another key" in refused(verify, target, key)
    # Even whoever takes the key out of the bundle finds that the checkpoint is not signed by it.
    assert "another key" in refused(verify, target, str(forger.public))


def test_a_list_of_files_that_was_made_anew_under_the_old_signature_is_not_verified(
    bundle: tuple[Path, str], tmp_path: Path, verify: Verify
) -> None:
    path, key = bundle
    files = {**members(path), "more.txt": b"more"}
    text, _, line = files.pop("evidence.txt").partition(b"\n\n")
    listed = f"\n{hashlib.sha256(b'more').hexdigest()} more.txt".encode()
    changed = {**files, "evidence.txt": text + listed + b"\n\n" + line}
    assert refused(verify, zipped(tmp_path / "changed.zip", changed), key).startswith("InvalidSignature")


def _with_a_longer_proof(files: dict[str, bytes]) -> dict[str, bytes]:
    first, _, rest = files["entries.jsonl"].partition(b"\n")
    one = json.loads(first)
    longer = {**one, "proof": ["00" * 32, *one["proof"]]}
    return {**files, "entries.jsonl": json.dumps(longer).encode() + b"\n" + rest}


def test_whoever_has_the_key_cannot_change_bars_without_the_log(tmp_path: Path, verify: Verify) -> None:
    with signed_library(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(5)), source="desk")
        snap = bl.snapshot("AAPL", "1d")
        files = members(bl.evidence(snap.id, tmp_path / "evidence.zip").path)
        key = bl.audit._signer.keys.load()
        assert key is not None
    for change, why in (
        (_replaced("bars/1.jsonl", b"1000.0", b"1001.0"), "pin 1"),
        (_replaced("manifest.json", b'"rows":"5"', b'"rows":"6"'), "no entry pins"),
        (_replaced("entries.jsonl", b"tester", b"nobody"), "not in the log"),
        (lambda found: {**found, "entries.jsonl": b""}, "no entry pins"),
        (_with_a_longer_proof, "too long"),
    ):
        target = zipped(tmp_path / "changed.zip", _resigned(change(files), key))
        assert why in refused(verify, target, str(key.public))
    assert verify(zipped(tmp_path / "same.zip", _resigned(files, key)), str(key.public))


def test_a_file_that_is_there_twice_is_not_verified(bundle: tuple[Path, str], tmp_path: Path, verify: Verify) -> None:
    path, key = bundle
    target = zipped(tmp_path / "twice.zip", members(path))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(target, "a") as writing:
        writing.writestr("bars/1.jsonl", members(path)["bars/1.jsonl"])
    assert "not signed" in refused(verify, target, key)


def test_the_file_that_was_not_signed_is_named(bundle: tuple[Path, str], tmp_path: Path, verify: Verify) -> None:
    path, key = bundle
    files = members(path)
    target = zipped(tmp_path / "changed.zip", {**files, "bars/1.jsonl": files["bars/1.jsonl"] + b"[]\n"})
    assert "not signed: bars/1.jsonl" in refused(verify, target, key)
    more = zipped(tmp_path / "more.zip", {**files, "notes.txt": b"by the way"})
    assert "not signed: notes.txt" in refused(verify, more, key)


@pytest.mark.slow
@settings(max_examples=150)
@given(data=st.data())
def test_no_change_of_a_member_passes(
    bundle: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory, verify: Verify, data: Any
) -> None:
    path, key = bundle
    files = members(path)
    name = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[name])))
    length, new = data.draw(st.integers(0, 5)), data.draw(st.binary(max_size=5))
    changed = files[name][:at] + new + files[name][at + length :]
    if changed != files[name]:
        target = zipped(tmp_path_factory.mktemp("changed") / "evidence.zip", {**files, name: changed})
        assert refused(verify, target, key)
