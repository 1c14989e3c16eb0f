"""Records and results of the format before are still read; what a plan is made of is checked before files are hashed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from tests.train.conftest import Once
from tests.train.toy import Toy, checkpoints, fit_here, fit_words, run_train
from xlt_train import evaluate
from xlt_train.data.sets import TrainingSets
from xlt_train.errors import RunError, UsageError
from xlt_train.methods.base import Choice, Method, setting
from xlt_train.methods.registry import METHODS
from xlt_train.runs.record import RUN_FORMAT, RunRecord, described
from xlt_train.training.plan import _check_gpus, plan_fit

SETTINGS: dict[str, Any] = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "save_total_limit": 9}


def _as_before(body: dict[str, Any]) -> dict[str, Any]:
    """A record as `xlt-run/1` had it, written down from the docs of that time."""
    method = {key: value for key, value in body["method"].items() if key != "paired"} | {
        "variants": body["method"]["variants"][0]
    }
    found = body | {"format": "xlt-run/1", "method": method, "data": body["data"][0]}
    if "tokens_from" in body["results"]:
        found["results"] = body["results"] | {"tokens_from": body["results"]["tokens_from"][0]}
    return found


def _age(run: Path) -> None:
    for path in run.rglob("xlt-run.json"):
        path.write_text(json.dumps(_as_before(json.loads(path.read_bytes()))))
    for path in run.rglob("accuracy.json"):
        body = json.loads(path.read_bytes())
        path.write_text(json.dumps(body | {"format": "xlt-evaluation/1"}))


@pytest.fixture(scope="session")
def finished(toy: Toy, once: Once) -> Path:
    """A run with its checkpoints, judged once."""

    def make(folder: Path) -> None:
        run = fit_here(toy.synonym, "rs-da", folder / "run", **SETTINGS)
        evaluate(run.path, toy.tests, rows=(0, 5))

    return once("forms", make) / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    import shutil

    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_record_of_before_says_the_same(run: Path) -> None:
    folders = (run, *checkpoints(run))
    today = [RunRecord.read(folder) for folder in folders]
    _age(run)
    for folder, record in zip(folders, today, strict=True):
        body = json.loads((folder / "xlt-run.json").read_bytes())
        assert (body["format"], body["method"]["variants"]) == ("xlt-run/1", [1, 2])
        assert RunRecord.read(folder) == record
        assert record.format == RUN_FORMAT == "xlt-run/2"


def test_a_run_of_before_can_be_judged(run: Path, toy: Toy) -> None:
    new = evaluate(run, toy.tests, out=run.parent / "new").evaluation
    _age(run)
    old = evaluate(run, toy.tests)
    assert old.evaluation == new
    card = (run / "README.md").read_text()
    assert "### test, rows 0:5" in card  # of an `xlt-evaluation/1`
    assert "### test\n" in card


def test_a_run_begun_before_is_gone_on_with(run: Path, toy: Toy) -> None:
    from tests.train.test_tokens import go_back

    weights = RunRecord.read(run).weights
    go_back(run, 2)
    _age(run)
    again = fit_here(toy.synonym, "rs-da", run, **SETTINGS, resume_from_checkpoint="true")
    assert again.record.results["resumed_from"] == "checkpoint-2"
    assert again.record.weights == weights
    assert json.loads((run / "xlt-run.json").read_bytes())["format"] == "xlt-run/2"


def _without(*keys: str) -> Callable[[dict[str, Any]], object]:
    def change(body: dict[str, Any]) -> None:
        *path, last = keys
        for key in path:
            body = body[key]
        del body[last]

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(format="xlt-run/1"),  # a list of data is not of that format
        lambda body: body.update(data=body["data"][0]),
        lambda body: body.update(data=[]),
        lambda body: body.update(data=body["data"] * 2),  # more sets than variants
        lambda body: body.update(data=[None]),
        lambda body: body["method"].update(variants=[1, 2]),
        lambda body: body["method"].update(variants=None),
        _without("method", "paired"),
        _without("method", "variants"),
        _without("data"),
        lambda body: body["data"][0].pop("source"),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_record_of_another_shape_is_none(first: bool, change: Callable[[dict[str, Any]], object], run: Path) -> None:
    path = run / "xlt-run.json"
    body = json.loads(path.read_bytes())
    change(body)
    if first:
        body["format"] = "xlt-run/1"
    path.write_text(json.dumps(body))
    with pytest.raises(RunError, match=r"reading .*xlt-run\.json: found no record of a run"):
        RunRecord.read(run)


def test_a_later_format_asks_for_an_update(run: Path) -> None:
    path = run / "xlt-run.json"
    path.write_text(path.read_text().replace("xlt-run/2", "xlt-run/3"))
    with pytest.raises(RunError, match="found the format xlt-run/3; expected xlt-run/2. Update xlt"):
        RunRecord.read(run)


@pytest.mark.parametrize(
    ("variants", "paired", "words"),
    [
        ([[0, 0]], False, "the originals"),
        ([[0, 1]], False, "the originals and variant 1"),
        ([[1, 1]], False, "variant 1"),
        ([[0, 4], [0, 4]], False, "the originals and variants 1 to 4"),
        ([[1, 3], [1, 2]], False, "variants 1 to 3 of set 1, variants 1 to 2 of set 2"),
        ([[1, 10]], True, "pairs of each original with variants 1 to 10"),
        ([[1, 1]], True, "pairs of each original with variant 1"),
    ],
)
def test_variants_in_words(variants: list[list[int]], paired: bool, words: str) -> None:
    assert described({"variants": variants, "paired": paired}) == words


# ---- settings of methods


@dataclass(frozen=True, kw_only=True)
class Turned(Method):
    """A method with settings of every kind."""

    name: ClassVar[str] = "turned"
    summary: ClassVar[str] = "as the baseline"
    epochs: ClassVar[float] = 1.0
    angle: float = setting(0.5, "An angle.")
    parts: tuple[int, ...] = (1, 2)
    max_length: int = 999

    def __post_init__(self) -> None:
        if self.angle < 0:
            raise UsageError("reading --angle", found=str(self.angle), expected="0 or more", remedy="Choose another value")


def _plan(toy: Toy, method: str, settings: dict[str, Any], **training: Any) -> Any:
    return plan_fit(
        toy.synonym, method=method, model="nano", choice=Choice(), dev=None, max_length=48, rehash=False, settings=settings,
        training=training,
    )  # fmt: skip


def test_settings_are_on_record(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "turned", Turned)
    plan = _plan(toy, "turned", {"angle": 0.25}, label_smoothing_factor=0.1)
    assert plan.method == Turned(angle=0.25, label_smoothing=0.1, max_length=48)
    assert plan.record.method == {
        "name": "turned", "paired": False, "variants": [[0, 0]], "label_smoothing": 0.1, "angle": 0.25, "parts": [1, 2],
        "max_length": 48,
    }  # fmt: skip
    assert json.loads(json.dumps(plan.record.method)) == plan.record.method  # so that a run can go on
    other = _plan(toy, "turned", {"angle": 0.5}, label_smoothing_factor=0.1)
    assert other.folder != plan.folder
    assert plan.record.differences(other.record) == ["method.angle 0.5 (now 0.25)"]


def test_wrong_settings_are_refused_before_files_are_read(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setitem(METHODS, "turned", Turned)
    monkeypatch.setattr(TrainingSets, "open", fail)
    with pytest.raises(UsageError, match="reading --angle: found -1"):
        _plan(toy, "turned", {"angle": -1.0})


def test_a_setting_of_another_method_is_refused(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="--epsilon.*baseline.*adv"):
        fit_here(toy.synonym, "baseline", tmp_path / "run", epsilon=0.1, max_steps=1)
    done = run_train(capsys, *fit_words(toy.synonym, "baseline", output_dir=tmp_path / "run"), "--epsilon", "0.1")
    assert (done.code, done.out) == (2, "")
    assert "--epsilon" in done.err
    assert not (tmp_path / "run").exists()


def test_what_a_method_asks_of_a_model_is_asked_before_a_folder_is_made(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def check(self: Any, model: Any, tokenizer: Any) -> None:
        asked.append((type(model).__name__, len(tokenizer) == model.config.vocab_size, (tmp_path / "run").exists()))
        raise UsageError("looking", found="a model", expected="another", remedy="Choose one")

    monkeypatch.setattr(Method, "check", check)
    with pytest.raises(UsageError, match="looking: found a model"):
        fit_here(toy.synonym, "rs-da", tmp_path / "run", max_steps=1)
    assert asked == [("BertForSequenceClassification", True, False)]
    assert not (tmp_path / "run").exists()


# ---- several GPUs in one process


@pytest.mark.parametrize("name", list(METHODS))
def test_only_plain_methods_may_have_several_gpus_in_one_process(name: str) -> None:
    for count in (0, 1):
        _check_gpus(cast(Any, SimpleNamespace(n_gpu=count, world_size=1)), METHODS[name])
    two = cast(Any, SimpleNamespace(n_gpu=2, world_size=1))
    if name in ("baseline", "rs-da", "rs-syntax"):
        _check_gpus(two, METHODS[name])
        return
    with pytest.raises(
        UsageError, match=f"starting {name.replace('+', '.')} on 2 GPUs: .*torchrun --nproc_per_node 2.*CUDA_VISIBLE_DEVICES=0"
    ):
        _check_gpus(two, METHODS[name])


def test_a_run_asks_how_many_gpus_there_are(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import TrainingArguments

    monkeypatch.setattr(TrainingArguments, "n_gpu", property(lambda self: 4))
    with pytest.raises(UsageError, match="starting ear on 4 GPUs"):
        fit_here(toy.synonym, "ear", tmp_path / "run", max_steps=1)
    assert not (tmp_path / "run").exists()
