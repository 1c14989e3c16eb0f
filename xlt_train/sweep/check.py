"""Every run is checked before the first one starts, in a process of its own, so that no torch stays in this one."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xlt_train.errors import UsageError, XltError
from xlt_train.sweep.command import Spelling, fit_words
from xlt_train.sweep.points import Point


def check_points(points: Sequence[Point], spellings: Mapping[str, Spelling], out: Path) -> None:
    """Open and check all that these runs need but their models. Raises XltError for the first that would fail."""
    if not points:
        return
    runs = [{"names": list(point.options), "words": fit_words(point, spellings, out / point.name)} for point in points]
    done = subprocess.run(
        [sys.executable, "-m", "xlt_train.cli.check"], input=json.dumps(runs), capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(done.stdout)
    except ValueError as error:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise XltError(
            "checking the runs",
            found=said[-1].strip() if said else f"exit code {done.returncode}",
            expected="a process that checks them",
            remedy="Run the first of them by itself",
        ) from error
    if found is not None:
        raise _failure(points[found["run"]], found)


def _failure(point: Point, found: Mapping[str, Any]) -> XltError:
    kind = UsageError if found["exit_code"] == UsageError.exit_code else XltError
    parts = {key: found[key] for key in ("found", "expected", "remedy")}
    return kind(f"checking the run {point.name} ({found['doing']})", **parts)
