"""What `status` and `doctor` tell of an embedded store."""

from barledger.errors import BarledgerError
from barledger.stores.contract import Description, Finding
from barledger.stores.embedded.catalog import FORMAT
from barledger.stores.embedded.orphans import orphans
from barledger.stores.embedded.transaction import Tools


def describe(tools: Tools, failure: str) -> Description:
    """Look at the files and the catalog; ``failure`` is what kept the last fold from ending."""
    location = str(tools.folder)
    try:
        facts, findings = _facts(tools), _findings(tools, failure)
    except (BarledgerError, OSError) as error:
        step = "restore the folder from a backup"
        problem = Finding(level="problem", subject="store", detail=str(error), next_step=step)
        return Description(kind="embedded", location=location, findings=[problem])
    return Description(kind="embedded", location=location, facts=facts, findings=findings)


def _facts(tools: Tools) -> dict[str, str]:
    series = tools.views.series()
    views = [tools.views.find(one, name) for one, names in series.items() for name in names]
    waiting = sum(view.state.log_rows for view in views if view is not None)
    size = sum(path.stat().st_size for path in tools.folder.rglob("*") if path.is_file())
    return {
        "format": str(FORMAT),
        "series": str(len(series)),
        "rows": str(sum(span.rows for view in views if view is not None for span in view.spans) + waiting),
        "rows in the log": str(waiting),
        "size": f"{size / 1e6:.1f} MB",
    }


def _findings(tools: Tools, failure: str) -> list[Finding]:
    named = {path.name for path in tools.segments.glob("*")} & tools.views.segment_names()
    left = orphans(tools.segments, named)
    found = [Finding(level="ok", subject="store", detail=f"{len(named)} segments, format {FORMAT}")]
    if left:
        detail = f"{len(left)} segments were left by writers that died"
        found.append(Finding(level="warning", subject="store", detail=detail, next_step="run `barledger repair`"))
    if failure:
        found.append(
            Finding(level="warning", subject="folding", detail=failure, next_step="verify the series that it names")
        )
    return found
