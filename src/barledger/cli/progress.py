"""Progress bars: one for each series that is being ingested, with its rate and the time that remains."""

from typing import Final

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from barledger.cli.output import Output
from barledger.domain.interval import format_time
from barledger.services.ingestion.progress import (
    Advanced,
    Event,
    Finished,
    Refetching,
    Resumed,
    Retrying,
    Started,
    Waiting,
)

_MINUTE: Final = 60
_HOUR: Final = 3_600


class IngestionBars:
    """Shows events as bars, for people who look; series that are through leave the screen."""

    def __init__(self, output: Output) -> None:
        """Show them beside this output."""
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            console=output.errors,
            transient=True,
            disable=not output.errors.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        """Show an event."""
        name = str(event.series)
        if name not in self._tasks:
            self._tasks[name] = self.progress.add_task(event.instrument, total=None, told="")
        task = self._tasks[name]
        match event:
            case Started():
                self.progress.update(task, total=event.total, told="")
            case Advanced():
                told = f"{event.bars:,} bars, {event.rate:,.0f}/s{_remaining(event.remaining)}"
                self.progress.update(task, completed=event.done, total=event.total, told=told)
            case Retrying():
                self.progress.update(task, told=f"waits {event.wait:.0f} s: {event.error}")
            case Refetching():
                self.progress.update(task, told="its history looks restated; all of it is fetched again")
            case Finished():
                self.progress.remove_task(self._tasks.pop(name))


class ChangesOfState:
    """Says in a line when a series that is followed loses its source, and when it has it again."""

    def __init__(self, output: Output) -> None:
        """Say it beside this output."""
        self._output = output
        self._silent: set[str] = set()
        self._beyond: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Heed an event."""
        name = str(event.series)
        match event:
            case Resumed(start=start):
                self._output.note(f"{name}: begins at {format_time(start)}, where the series ends")
            case Waiting():
                others = f" (and {event.others:,} more)" if event.others else ""
                opens, closes = format_time(event.opens), format_time(event.closes)
                self._output.note(f"{name}{others}: waits for the bar of {opens}, which closes at {closes}")
            case Retrying() if name not in self._silent:
                self._silent.add(name)
                self._output.note(f"{name}: does not answer: {event.error}; trying again")
            case Finished(report=report):
                if report.error is None and name in self._silent:
                    self._silent.remove(name)
                    self._output.note(f"{name}: answers again")
                if report.out_of_reach is not None and name not in self._beyond:
                    self._beyond.add(name)
                    self._output.note(f"{name}: {report.notes[0]}")


def _remaining(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= _HOUR:
        return f", {seconds / _HOUR:.1f} h left"
    return f", {seconds / _MINUTE:.0f} min left" if seconds >= 2 * _MINUTE else f", {seconds:.0f} s left"
