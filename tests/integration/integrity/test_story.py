"""From a proposal to a revision and back on every store, and nothing that was pinned moves."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.stores.memory import MemoryStore
from discrepancies import SERIES, _last, loaded
from integrity import heard, integrity
from places import EVERYWHERE, place_called
from scripted import SetClock, clocked

MEMORY = pytest.param(None, id="memory")


@pytest.mark.parametrize("param", [MEMORY, *EVERYWHERE])
def test_a_restatement_is_proposed_previewed_accepted_and_undone(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if param is None:
        with closing(clocked(MemoryStore(), clock)) as bl:
            _tell_the_story(bl, clock)
        return
    with (
        place_called(param, request, tmp_path) as place,
        closing(clocked(place.open_store(), clock, place.ledger)) as bl,
    ):
        _tell_the_story(bl, clock)


def _tell_the_story(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = loaded(bl, clock)
    live = bl.snapshot("A", "1d", start=900 * DAY, end=980 * DAY, source="scripted", strategy="momentum-7")
    bl.cache.approve(live.id, strategy="momentum-7")
    late = bl.snapshot("A", "1d", start=995 * DAY, end=1_000 * DAY, source="scripted", strategy="late")
    original = bl.bars("A", "1d", source="scripted")
    pinned = bl.bars("A", "1d", source="scripted", version=live.id).digest
    source.markets["A"].splits.append((950 * DAY, 2.0))
    made = integrity(bl, clock, source)

    (one,) = made.reconcile("A", "1d").discrepancies
    assert (one.kind, one.state, bl.bars("A", "1d", source="scripted").digest) == (
        "restatement", "proposed", original.digest
    )  # fmt: skip
    shown = made.discrepancy(one.id)
    assert shown.diff["change"].tolist() == ["changed"] * 50
    assert (shown.diff["close"] * 2 == shown.diff["old_close"]).all()
    assert (shown.snapshots, shown.strategies) == ((live.id,), ("momentum-7",))
    assert [(seen.approved, seen.bars) for seen in shown.touched] == [(True, 50)]
    assert "would make 50 changed" in str(shown)
    assert late.id not in shown.snapshots

    done = made.accept(one.id, reason="split confirmed")
    assert (done.changed, done.new) == (50, 0)
    latest = bl.bars("A", "1d", source="scripted")
    assert (latest.revision, latest.digest != original.digest) == (done.revision, True)
    assert np.allclose(latest.rows.close[:50] * 2, original.rows.close[:50])
    assert made.stale(original) == (SERIES,)
    assert made.stale(latest) == ()
    then = bl.bars("A", "1d", source="scripted", version=f"revision:{original.revision}")
    assert then.digest == original.digest
    record = _last(bl)
    assert (record.operation, record.trigger, record.reason) == ("correct", one.id, "split confirmed")
    assert [edition.revision for edition in bl.history("A", "1d", 900 * DAY, source="scripted")] == [
        original.revision, done.revision
    ]  # fmt: skip

    back = made.undo(one.id, reason="no split after all")
    assert (back.changed, back.left) == (50, 0)
    restored = bl.bars("A", "1d", source="scripted")
    assert (restored.digest, restored.revision) == (original.digest, back.revision)
    assert bl.bars("A", "1d", source="scripted", version=f"revision:{done.revision}").digest == latest.digest
    assert bl.bars("A", "1d", source="scripted", version=live.id).digest == pinned
    assert bl.verify(live.id).ok
    assert bl.cache.verify_series(SERIES).ok

    decided = made.discrepancy(one.id)
    assert [(step.state, step.reason) for step in decided.steps][1:] == [
        ("accepted", "split confirmed"), ("applied", "split confirmed"), ("undone", "no split after all")
    ]  # fmt: skip
    assert (decided.discrepancy.result, decided.discrepancy.undone_by) == (done.revision, back.revision)
    assert [notice.kind for notice in told] == [
        "discrepancy", "correction_applied", "approved_snapshot_touched", "correction_undone",
        "approved_snapshot_touched",
    ]  # fmt: skip
    assert "momentum-7" in told[2].subject
    assert (told[2].severity, told[2].details["snapshots"], told[2].details["bars"]) == ("critical", [live.id], 50)
    assert json.dumps([dict(notice.details) for notice in told])
    told_of = [entry.data for entry in bl.audit.entries() if one.id in entry.body]
    assert [each["operation"] for each in told_of] == [
        "reconcile", "reconcile", "accept", "correct", "apply", "undo", "undo"
    ]  # fmt: skip
