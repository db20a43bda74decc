"""Jobs as they are declared, refused and removed."""

from typing import Any

import pytest

from barledger import BarLedger
from barledger.errors import (
    CalendarNotFound,
    InvalidInterval,
    InvalidPolicy,
    InvalidSetting,
    InvalidTimeframe,
    JobKindMissing,
    JobNotFound,
    JobTaken,
    SourceNotFound,
)
from barledger.services.schedule import JobKind, ScheduleService
from schedules import Desk, HandClock, _no_timers


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"kind": "no_such_kind"}, JobKindMissing),
        ({"when": ""}, InvalidSetting),
        ({"when": "whenever"}, InvalidSetting),
        ({"when": "* * * * * *"}, InvalidSetting),
        ({"when": "0 0 30 2 *"}, InvalidSetting),
        ({"when": "0 0 * * *", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": "every 5s", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": "on approval", "zone": "Mars/Olympus"}, InvalidSetting),
        ({"when": 'after_close("NOWHERE")'}, CalendarNotFound),
        ({"when": 'after_close("XNYS", "2d")'}, InvalidSetting),
        ({"when": 'on move("SPX", "7d", "5%")'}, InvalidTimeframe),
        ({"when": 'on move("SPX", "1d", "much")'}, InvalidSetting),
        ({"when": 'on notice("nothing_like_it")'}, InvalidSetting),
        ({"options": {"colour": "red"}}, InvalidSetting),
        ({"options": {"events": []}}, InvalidSetting),
        ({"options": {"timeframe": "7d"}}, InvalidTimeframe),
        ({"options": {"instruments": "AAPL"}}, InvalidSetting),
        ({"options": {"instruments": "AAPL", "pattern": "A*"}}, InvalidSetting),
        ({"options": {"source": "nowhere"}}, SourceNotFound),
        ({"options": {"budget_seconds": "many"}}, InvalidSetting),
        ({"options": {"refresh": -1}}, InvalidSetting),
        ({"kind": "fill_gaps", "options": {"budget_calls": "many"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source": "bin*"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"instruments": "AAPL"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"concurrency": 0}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"blocks": 0}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"blocks": "many"}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"share": 2}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source_options": {"path": "x"}}}, InvalidSetting),
        ({"kind": "reconcile", "options": {"source": "nowhere", "source_options": {}}}, SourceNotFound),
        ({"kind": "quality", "options": {"metrics": "beauty"}}, InvalidSetting),
        ({"kind": "quality", "options": {"metrics": []}}, InvalidSetting),
        ({"kind": "quality", "options": {"last": "ever"}}, InvalidSetting),
        ({"kind": "quality", "options": {"last": "7d", "start": "2024-01-01"}}, InvalidSetting),
        ({"kind": "quality", "options": {"start": "2024-02-01", "end": "2024-01-01"}}, InvalidInterval),
        ({"kind": "quality", "options": {"tolerance": 0.1}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"price": 7}}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"fields": {"close": "x"}}}}, InvalidSetting),
        ({"kind": "quality", "options": {"tolerance": {"colour": 0.1}}}, InvalidSetting),
        ({"kind": "verify_library", "options": {"budget": "a while"}}, InvalidSetting),
        ({"kind": "verify_library", "options": {"source": "*"}}, InvalidSetting),
        ({"kind": "checkpoint", "options": {"anchor": ""}}, InvalidSetting),
        ({"kind": "checkpoint", "options": {"anchor": "beside/it"}}, InvalidSetting),
        ({"kind": "adjust", "options": {"instruments": 7}}, InvalidSetting),
        ({"kind": "mirror", "options": {"all": True}}, InvalidSetting),
        ({"kind": "retention"}, InvalidSetting),
        ({"kind": "retention", "options": {"policy": [{"keep_all": "1d"}]}}, InvalidPolicy),
    ],
)
def test_what_could_never_run_is_refused_when_it_is_declared(
    bl: BarLedger, given: dict[str, Any], error: type[Exception]
) -> None:
    asked = {"kind": "ingest", "when": "every 1h", **given}
    kind = asked.pop("kind")
    with pytest.raises(error):
        bl.schedule.add("job", kind, **asked)
    assert bl.schedule.list() == []


def test_a_name_is_taken_once_and_a_removed_job_leaves_its_history(bl: BarLedger, desk: Desk) -> None:
    bl.schedule.add("job", "desk", when="every 1h", reason="a test")
    with pytest.raises(JobTaken, match="there is a job"):
        bl.schedule.add("job", "desk", when="every 1h")
    with pytest.raises(JobTaken, match="there is a kind of job"):
        bl.schedule.kinds.register(JobKind(name="desk", about="again", run=desk))
    bl.schedule.run_now("job")
    bl.schedule.remove("job")
    for action in (bl.schedule.remove, bl.schedule.enable, bl.schedule.get):
        with pytest.raises(JobNotFound):
            action("job")
    assert [run.job for run in bl.schedule.history()] == ["job"]
    assert [entry.operation for entry in bl.audit.entries()] == ["add-job", "remove-job"]


def test_a_kind_that_is_not_here_any_more_fails_and_says_so(bl: BarLedger, desk: Desk, clock: HandClock) -> None:
    bl.schedule.add("job", "desk", when="every 1h")
    elsewhere = ScheduleService(bl.vault, bl, make_timers=_no_timers, steady=lambda: clock() / 1e9)
    clock.turn(60)
    elsewhere.runner(spawn=lambda call, _: call()).step()
    assert elsewhere.history()[0].error.startswith("[job-kind-missing]")
    assert desk.calls == []
