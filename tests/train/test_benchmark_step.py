"""The benchmark of training steps: its plain EAR is EAR, its interval is one, and it runs."""

import subprocess
from types import ModuleType

import pytest
import torch

from tests.command import forked_python
from tests.conftest import PROJECT
from xlt_train.methods.registry import METHODS

FOLDER = PROJECT / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    import train_step

    return train_step


def test_the_plain_way_has_the_loss_of_ear(script: ModuleType) -> None:
    size = script.Size(2, 32, 2, 16, 4, 100)
    plain, ours = (size.model(attention).eval() for attention in ("eager", "sdpa"))
    for one in (plain, ours):
        for value in one.parameters():  # attention far from uniform, so that the pull counts
            value.data.mul_(10 if value.dim() > 1 else 1)
    expected, found = script.plain_ear(plain, size.pairs()), METHODS["ear"]().loss(ours, size.pairs())
    assert found.terms["apt"] > 1e-6
    assert found.total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_interval_of_order_statistics(script: ModuleType) -> None:
    values = [3.0, 1.0, 2.0, 6.0, 5.0, 4.0]
    assert script.median_interval(values) == (1.0, 6.0, 1 - 2 / 64)
    low, high, level = script.median_interval(range(1, 16))  # P(3 or fewer of 15 heads) = 576 / 32768
    assert (low, high) == (4, 12)
    assert level == pytest.approx(1 - 2 * 576 / 2**15)


def test_it_runs() -> None:
    done = subprocess.run(
        [forked_python(), str(FOLDER / "train_step.py"), "--quick"], capture_output=True, text=True, check=True
    )
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert {"baseline", "rs-da", "rs-rp", "adv", "ear", "ear, plain way"} <= set(names)
    assert "peak memory of a step" in done.stdout
    assert torch.cuda.is_available() or "written" not in done.stdout
