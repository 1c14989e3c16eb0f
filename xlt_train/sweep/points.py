"""The runs that a sweep is made of, each with all its settings and the name of its folder."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlt_train.data.manifest import Manifest
from xlt_train.errors import ExamplesError, UsageError
from xlt_train.files import sha256_file, sha256_json
from xlt_train.models.load import DEFAULT_MODEL
from xlt_train.runs.record import FREE
from xlt_train.sweep.spec import Sweep, plain

SEED = 42  # of TrainingArguments
_OURS = ("output_dir", "resume_from_checkpoint", "json", "as_json", "training")  # which the sweep sets itself
_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True)
class Point:
    """One run: its options of `fit`, those of them that the grid varies, and the content of its data and development set."""

    sweep: str
    name: str
    options: dict[str, Any]
    varied: tuple[str, ...]
    hashes: tuple[str, ...]  # logical hash of each dataset
    dev_sha256: str | None

    @property
    def identity(self) -> str:
        """The hash at the end of its name."""
        return self.name.rpartition("-")[2]

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self.options["seed"])

    @property
    def setting(self) -> str:
        """What it shares with the runs that differ in the seed alone."""
        return sha256_json({key: plain(value) for key, value in self.options.items() if key != "seed"})


class Contents:
    """Hashes of datasets and development files, each read once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}

    def of_data(self, path: str) -> str:
        """The logical hash of a dataset folder, as its manifest says. Raises DatasetError."""
        if ("data", path) not in self._found:
            self._found["data", path] = Manifest.read(Path(path)).logical_hash
        return self._found["data", path]

    def of_dev(self, path: str) -> str:
        """The sha256 of a development file. Raises ExamplesError."""
        if ("dev", path) not in self._found:
            try:
                self._found["dev", path] = sha256_file(Path(path))
            except OSError as error:
                raise ExamplesError(
                    f"reading the development set {path}",
                    found=error.strerror or str(error),
                    expected="a file with labelled text",
                    remedy="Check --dev",
                ) from error
        return self._found["dev", path]


def points(sweep: Sweep, contents: Contents) -> list[Point]:
    """The product of the grid, in its order. Raises UsageError for settings that are the sweep's own or missing, and XltError
    for datasets and development files that cannot be read."""
    _check_names(sweep)
    names = tuple(sweep.grid)
    return [
        _point(sweep.name, sweep.fit | dict(zip(names, values)), names, contents)
        for values in itertools.product(*sweep.grid.values())
    ]


def _check_names(sweep: Sweep) -> None:
    doing, settings = f"planning the sweep {sweep.name}", {**sweep.fit, **sweep.grid}
    for name in _OURS:
        if name in settings:
            raise UsageError(
                doing, found=name, expected="settings of a run; that one is the sweep's own", remedy=f"Leave out {name}"
            )
    if "method" not in settings:
        raise UsageError(doing, found="no method", expected="one in [fit] or [grid]", remedy="Add one, or --set method=rs-da")
    if not settings.get("data"):
        raise UsageError(doing, found="no dataset", expected="what to train on", remedy="Name it with --data DATASET")


def _point(sweep: str, options: dict[str, Any], varied: tuple[str, ...], contents: Contents) -> Point:
    data = [str(path) for path in (options["data"] if isinstance(options["data"], list) else [options["data"]])]
    dev, defaults = options.get("dev"), {"method": "", "model": DEFAULT_MODEL, "seed": SEED}
    options = {"data": data} | defaults | {key: value for key, value in options.items() if key != "data"}
    if isinstance(options["seed"], bool) or not isinstance(options["seed"], int):
        raise UsageError(
            f"planning the sweep {sweep}", found=f"seed = {options['seed']!r}", expected="a whole number", remedy="Correct it"
        )
    hashes = tuple(contents.of_data(path) for path in data)
    dev_sha256 = None if dev is None else contents.of_dev(str(dev))
    counted = {key: plain(value) for key, value in options.items() if key not in FREE | {"data", "dev", "rehash"}}
    identity = sha256_json({"options": counted, "data": hashes, "dev": dev_sha256})[:8]
    name = f"{_readable(options, varied)}-{identity}"
    return Point(sweep=sweep, name=name, options=options, varied=varied, hashes=hashes, dev_sha256=dev_sha256)


def _readable(options: Mapping[str, Any], varied: tuple[str, ...]) -> str:
    """The method, and what the grid varies, as a file name."""
    parts = [str(options["method"])]
    for key in varied:
        if key == "data":
            parts.append("+".join(Path(path).name for path in options["data"]))
        elif key != "method":
            parts.append(f"{key}{Path(options[key]).name if key == 'model' else plain(options[key])}")
    return re.sub("[^A-Za-z0-9._+-]+", "-", "-".join(parts))[:_LONGEST_NAME].strip("-")
