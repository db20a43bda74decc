"""Notification and the schedule by commands alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from barledger import connect
from barledger.cli.app import run
from barledger.domain.notice import Notice
from libraries import frame
from receivers import Answer, free_port, hook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a secret of this test


class Command:
    """Runs commands in this process, on one library."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = run(arguments)
        out, self.err = self._capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        assert "T0KEN" not in out + self.err
        assert SECRET not in out + self.err
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path))
    monkeypatch.setenv("BARLEDGER_CONFIG", "/dev/null")
    monkeypatch.delenv("BARLEDGER_URL", raising=False)
    return Command(capsys)


def test_channels_rules_and_the_outbox_by_commands(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hook(Answer(), Answer(status=503), Answer()) as server:
        monkeypatch.setenv("DESK_SECRET", SECRET)
        said = command("notify", "add", "desk", server.url, "--secret", "env:DESK_SECRET", "--severity", "warning")
        assert said.startswith("desk is a webhook channel to http://127.0.0.1")
        (shown,) = command.json("notify", "channels")
        assert (shown["secret"], shown["state"], shown["target"][-8:]) == ("env:DESK_SECRET", "ok", "********")
        made = command.json("notify", "rule", "desk", "--kinds", "gap", "--about", "AAPL*")
        assert len(command.json("notify", "rules")) == 2
        assert command.json("notify", "test", "desk")["channel"] == "desk"
        with connect(tmp_path) as bl:
            bl.vault.notify(Notice(kind="lag", severity="critical", subject="late", about="AAPL"))
        told = command.json("notify", "deliver", code=6)
        assert (told["sent"], told["attempts"][0]["error"]) == (0, "it answers 503")
        (line,) = command.json("notify", "outbox")
        assert (line["state"], line["error"]) == ("waiting", "it answers 503")
        assert "failing" in command("notify", "channels")
        assert "channel desk" in command("doctor")
        command("notify", "resume", "desk")
        command("notify", "remove", made["id"])
        assert len(command.json("notify", "rules")) == 1
        assert command.json("notify", "notices")[0]["notice"]["subject"] == "late"
        assert command.json("notify", "retry", "desk") == {"again": 0}
        assert command.json("status")["library"]["notices waiting"] == "1"
        command("notify", "remove", "desk", "--reason", "moved")
        assert command.json("notify", "outbox", "--state", "given_up")[0]["error"] == "the channel was removed"
    assert [came.data["data"]["subject"] for came in server.received][1] == "late"


def test_a_new_secret_is_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (command("notify", "secret").strip() for _ in range(2))
    assert first != second
    monkeypatch.setenv("NEW", first)
    command("notify", "add", "desk", "https://hook.invalid/T0KEN", "--secret", "env:NEW")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["notify", "add", "desk", "https://hook.invalid/T0KEN"], 2, "invalid-setting"),
        (["notify", "add", "desk", "-", "--secret", "-"], 2, "invalid-setting"),
        (["notify", "add", "desk", "log:", "--severity", "loud"], 2, "invalid-setting"),
        (["notify", "test", "nobody"], 3, "channel-not-found"),
        (["notify", "rule", "nobody"], 3, "channel-not-found"),
        (["notify", "remove", "route-0"], 3, "route-not-found"),
        (["notify", "outbox", "--state", "lost"], 2, "invalid-setting"),
        (["schedule", "add", "x", "nothing", "--when", "every 1h"], 4, "job-kind-missing"),
        (["schedule", "add", "x", "ingest", "--when", "never"], 2, "invalid-setting"),
        (["schedule", "add", "x", "ingest", "--when", "every 1h", "-o", "colour"], 2, "invalid-setting"),
        (["schedule", "add", "x", "ingest", "--when", 'after_close("NO")'], 3, "calendar-not-found"),
        (["schedule", "run-now", "nothing"], 3, "job-not-found"),
        (["schedule", "enable", "nothing"], 3, "job-not-found"),
        (["schedule", "run", "--lease", "0"], 2, "invalid-setting"),
    ],
)
def test_what_cannot_be_done_is_refused(command: Command, arguments: list[str], code: int, error: str) -> None:
    assert command(*arguments, "--json", code=code) == ""
    assert json.loads(command.err)["error"] == error


def test_a_channel_that_does_not_answer_is_code_6(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    url = f"http://127.0.0.1:{free_port()}/T0KEN"
    command("notify", "add", "desk", url, "--secret", "env:DESK_SECRET", "--timeout", "1")
    command("notify", "test", "desk", code=6)
    assert "delivery-failed" in command.err


def test_jobs_by_commands(command: Command, tmp_path: Path) -> None:
    with connect(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(19_000, 19_005)), source="desk")
    command(
        "schedule",
        "add",
        "nightly",
        "verify",
        "--when",
        "30 2 * * mon-fri",
        "--zone",
        "America/New_York",
        "-o",
        "pattern=A*",
        "-o",
        "snapshots=true",
    )
    command("schedule", "add", "keep", "retention", "--when", "every 1w", "-o", 'policy=[{"keep_editions":"30d"}]')
    listed = command.json("schedule", "list")
    assert [job["name"] for job in listed["jobs"]] == ["keep", "nightly"]
    assert listed["runner"] is None
    assert "America/New_York" in command("schedule", "list")
    assert "nobody runs its 2 jobs" in command("doctor")
    done = command("schedule", "run-now", "nightly")
    assert "nightly done after" in done
    assert "1 verified" in done
    command("schedule", "add", "broken", "ingest", "--when", "every 1h", "-o", "pattern=NOTHING", "--disabled")
    command("schedule", "run-now", "broken", code=1)
    first, second = command.json("schedule", "history")
    assert (first["state"], second["state"]) == ("failed", "done")
    assert first["error"].startswith("[data-not-found]")
    assert "data-not-found" in command("schedule", "history", "broken")
    assert "switched off" in command("schedule", "disable", "nightly")
    assert "due" in command("schedule", "enable", "nightly")
    command("schedule", "remove", "nightly")
    assert "reconcile" in command("schedule", "kinds")
    kinds = {one["kind"]: one["options"] for one in command.json("schedule", "kinds")}
    assert "source_options" in kinds["reconcile"]
    assert kinds["mirror"] == {}
