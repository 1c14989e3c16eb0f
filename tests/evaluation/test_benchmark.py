"""The benchmark of all pairs runs, its two ways predict the same, and it says so where they do not."""

import subprocess
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.command import forked_python
from tests.conftest import PROJECT

FOLDER = PROJECT / "benchmarks"


def test_it_runs() -> None:
    done = subprocess.run([forked_python(), str(FOLDER / "evaluate.py"), "--quick"], capture_output=True, text=True, check=True)
    assert "same predictions" in done.stdout
    assert "written" not in done.stdout


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark as a module, under a name of its own."""
    import importlib.util

    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("benchmark_of_pairs", FOLDER / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_other_predictions_end_it(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from xlt_train.data.parallel import ParallelSet

    tests = object.__new__(ParallelSet)
    object.__setattr__(tests, "files", {"de": None, "en": None})
    logits = np.array([[1.0, 0.0]] * 4, np.float32)
    others = logits.copy()
    others[2] = [0, 1]
    for name, values in (("plainly", logits), ("ours", others)):
        monkeypatch.setattr(script, name, lambda *args, values=values: values)
    with pytest.raises(SystemExit, match="1 of 4 predictions differ"):
        script.compare("toy", None, None, tests, 2, 1)
    monkeypatch.setattr(script, "ours", lambda *args: logits)
    found: dict[str, Any] = script.compare("toy", None, None, tests, 2, 1)
    assert found["rows"] == 4
