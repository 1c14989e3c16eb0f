"""From `build --tokenizer` to a trained model: one hash in both packages, and the weights of training from texts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import run_here
from tests.small_models import save_small_bert
from tests.tokens.made import WHOLE, WORD_WISE
from xlt_augment.tokens.tokenizer import open_tokenizer
from xlt_train.data.tokens import tokenizer_sha256


def test_both_packages_know_a_tokenizer_by_one_hash(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    makers = WORD_WISE | {name: make for name, (make, _) in WHOLE.items()}
    for name, make in makers.items():
        make().save_pretrained(tmp_path / name)
        loaded = AutoTokenizer.from_pretrained(tmp_path / name)
        assert open_tokenizer(str(tmp_path / name)).sha256 == tokenizer_sha256(loaded), name


def test_training_takes_the_ids_of_a_build_and_comes_to_the_same_weights(
    small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "cache"))
    rows = [line.split("\t") for line in small_tsv().read_text().splitlines()]
    save_small_bert(Path("small"), [text for row in rows for text in row[:2]])
    runs = {}
    for name, option in (("texts", []), ("ids", ["--tokenizer", "small"])):
        assert run_here(capsys, "build", "corpus.tsv", "--m", 4, "--out", f"data-{name}", *option).code == 0
        fit = ["fit", "--data", f"data-{name}", "--method", "rs-da", "--model", "small", "--output_dir", name]
        done = run_here(capsys, *fit, "--max_steps", 4, "--json", program="xlt-train")
        assert done.code == 0, done.err
        runs[name] = json.loads(done.out)
    assert [run["results"]["tokens_from"] for run in runs.values()] == [["texts"], ["dataset"]]
    assert Path("ids/model.safetensors").read_bytes() == Path("texts/model.safetensors").read_bytes()


def test_a_setting_that_is_in_no_tokenizer_json_makes_another_tokenizer(
    small_tsv: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XLT_CACHE", str(tmp_path / "cache"))
    path = small_tsv(*(f"The [MASK] movie {k}\tA film {k}\t{k % 2}" for k in range(8)))
    save_small_bert(Path("plain"), path.read_text().split())
    save_small_bert(Path("split"), path.read_text().split())
    settings = json.loads(Path("split/tokenizer_config.json").read_text())
    Path("split/tokenizer_config.json").write_text(json.dumps(settings | {"split_special_tokens": True}))
    plain, split = open_tokenizer("plain"), open_tokenizer("split")
    assert plain.encode(["[MASK]"]).ids.tolist() != split.encode(["[MASK]"]).ids.tolist()
    assert plain.sha256 != split.sha256
    for model, source in (("plain", "texts"), ("split", "dataset")):
        run_here(capsys, "build", "corpus.tsv", "--m", 2, "--out", f"data-{model}", "--tokenizer", "split")
        fit = ["fit", "--data", f"data-{model}", "--method", "rs-da", "--model", model, "--output_dir", f"run-{model}"]
        done = run_here(capsys, *fit, "--max_steps", 1, "--json", program="xlt-train")
        assert json.loads(done.out)["results"]["tokens_from"] == [source]
