"""Each term of a loss by name in the Trainer's log, in TensorBoard and in JSON: means since the last entry."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.train.toy import Toy, fit_here

TERMS = {
    "baseline": {"ce"},
    "adv": {"ce", "ce_start"},
    "rs-rp": {"ce"},
    "rs-da": {"ce"},
    "rs-da+rs-rp": {"ce"},
    "rs-da+adv": {"ce", "ce_start"},
    "ear": {"ce_x", "ce_xa", "ept", "apt"},
}
OTHERS = {"loss", "grad_norm", "learning_rate", "epoch", "step"}


def _entries(run: Path) -> list[dict[str, Any]]:
    state = json.loads((run / "checkpoint-8" / "trainer_state.json").read_bytes())
    return [entry for entry in state["log_history"] if "loss" in entry]


@pytest.mark.parametrize("method", list(TERMS))
def test_terms_stand_in_json(method: str, toy: Toy, tmp_path: Path) -> None:
    fit_here(toy.synonym, method, tmp_path / "run", max_steps=8, logging_steps=4, save_strategy="steps", save_steps=8)
    entries = _entries(tmp_path / "run")
    assert [entry["step"] for entry in entries] == [4, 8]
    for entry in entries:
        assert set(entry) - OTHERS == TERMS[method]
        if method != "ear":
            assert entry["ce"] == pytest.approx(entry["loss"], rel=1e-5)
        else:
            total = entry["ce_x"] + entry["ce_xa"] + entry["ept"] + 0.1 * entry["apt"]
            assert total == pytest.approx(entry["loss"], rel=1e-5)


def test_terms_stand_in_tensorboard(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    settings = {"max_steps": 8, "logging_steps": 4, "save_strategy": "steps", "save_steps": 8}
    fit_here(toy.synonym, "ear", tmp_path / "run", report_to="tensorboard", pull="srpt", **settings)
    events = EventAccumulator(str(next((tmp_path / "board").rglob("events.*")).parent)).Reload()
    for name in ("ce_x", "ce_xa", "ept", "srpt"):
        logged = [(event.step, event.value) for event in events.Scalars(f"train/{name}")]
        assert logged == [(entry["step"], pytest.approx(entry[name], rel=1e-6)) for entry in _entries(tmp_path / "run")]
