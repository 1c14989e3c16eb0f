"""The laboratory's parts: languages made from English, its sums, its plot, and one short run of the whole."""

import json
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.command import forked_python

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dull", "film", "good", "very"]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts as modules."""
    import importlib

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("simulated", "laboratory_report", "laboratory_plot", "laboratory_runs", "laboratory")
    return {name: importlib.import_module(name) for name in names}


@pytest.fixture
def encoder(parts: dict[str, ModuleType], tmp_path: Path) -> tuple[Any, Any]:
    """A classifier over WORDS and its tokenizer."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    simulated = parts["simulated"]
    simulated.save_encoder(tmp_path / "encoder", simulated.Vocabulary(WORDS, None), max_length=16, seed=0)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "encoder").eval()
    return model, AutoTokenizer.from_pretrained(tmp_path / "encoder")


def embedded(model: Any, ids: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.base_model.embeddings(input_ids=ids)
    return found


def test_a_moved_language_moves_each_word_by_r_and_always_alike(parts: dict[str, ModuleType], encoder: tuple[Any, Any]) -> None:
    model, tokenizer = encoder
    simulated = parts["simulated"]
    batch = tokenizer(["very very good film", "a good unheard-of thing"], padding=True, return_tensors="pt")
    plain = embedded(model, batch["input_ids"])
    shifts = simulated.directions(len(WORDS), plain.shape[-1], seed=3) * 2.5
    with simulated.moved(model, shifts):
        delta = embedded(model, batch["input_ids"]) - plain
    words = ~torch.isin(batch["input_ids"], torch.tensor([0, 2, 3]))
    assert torch.allclose(delta[words].norm(dim=1), torch.tensor(2.5), atol=1e-5)
    assert not delta[~words].any()
    assert torch.allclose(delta[0, 1], delta[0, 2], atol=1e-6)  # very, twice
    assert torch.allclose(delta[0, 3], delta[1, 2], atol=1e-6)  # good, in two sentences
    assert not torch.allclose(delta[0, 1], delta[0, 3], atol=0.1)
    assert torch.equal(shifts, simulated.directions(len(WORDS), plain.shape[-1], seed=3) * 2.5)
    assert not torch.equal(shifts, simulated.directions(len(WORDS), plain.shape[-1], seed=4) * 2.5)


def test_a_moved_language_ends_with_its_block(parts: dict[str, ModuleType], encoder: tuple[Any, Any]) -> None:
    model, tokenizer = encoder
    ids = tokenizer(["good film"], return_tensors="pt")["input_ids"]
    plain = embedded(model, ids)
    with pytest.raises(RuntimeError, match="on purpose"), parts["simulated"].moved(model, torch.ones(len(WORDS), 64)):
        raise RuntimeError("on purpose")
    assert torch.equal(embedded(model, ids), plain)


def test_a_cipher_maps_words_one_to_one(parts: dict[str, ModuleType]) -> None:
    invented = parts["simulated"].invented_words(100, 1, ())
    words = [*WORDS[5:], *invented[::2], *(f"word{k}" for k in range(500))]
    cipher = parts["simulated"].Cipher.of(words, seed=1)
    assert list(cipher.words) == words
    assert len(set(cipher.words.values())) == len(words)
    assert not set(cipher.words.values()) & set(words)
    back = {made: word for word, made in cipher.words.items()}
    assert [back.get(made, made) for made in cipher.translate("A very good unheard-of film").split()] == [
        "a", "very", "good", "unheard-of", "film",
    ]  # fmt: skip
    assert cipher.words != parts["simulated"].Cipher.of(words, seed=2).words


def test_an_aligned_language_is_a_cluster_beside_english(parts: dict[str, ModuleType]) -> None:
    english = torch.randn(400, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    steps = parts["simulated"].aligned_rows(english, 0.5, seed=1) - english
    length, shift = 0.5 * english.norm(dim=1).mean(), steps.mean(0)
    assert torch.isclose(shift.norm(), length, rtol=0.05)
    assert torch.allclose((steps - shift).norm(dim=1), length, rtol=0.1)
    bare = parts["simulated"].unrelated_rows(english, seed=1)
    assert torch.isclose(bare.std(), english.std(), rtol=0.05)
    assert torch.nn.functional.cosine_similarity(bare, english).mean().abs() < 0.05


def test_a_longer_vocabulary_leaves_english_as_it_is(parts: dict[str, ModuleType], encoder: tuple[Any, Any]) -> None:
    """A cipher whose rows are the English ones is English; other rows are not, and the model itself stays as it was."""
    model, tokenizer = encoder
    simulated = parts["simulated"]
    cipher = simulated.Cipher.of(WORDS[5:], seed=0)
    longer = simulated.tokenizer_of([*WORDS, *cipher.words.values()], 16)
    english = model.get_input_embeddings().weight.detach()[5:]
    text = "very good film"
    ids, translated = tokenizer(text)["input_ids"], longer(cipher.translate(text))["input_ids"]
    assert [k - 5 if k >= len(WORDS) else k for k in translated] == [k if k < 5 else k for k in ids]
    with torch.no_grad():
        plain = model(torch.tensor([ids])).logits
        same = simulated.with_rows(model, english)(torch.tensor([translated])).logits
        other = simulated.with_rows(model, simulated.unrelated_rows(english * 50, 0))(torch.tensor([translated])).logits
        again = model(torch.tensor([ids])).logits
    assert torch.allclose(same, plain, atol=1e-6)
    assert torch.equal(again, plain)
    assert not torch.allclose(other, plain, atol=1e-4)


def test_judging_goes_through_every_language(parts: dict[str, ModuleType], encoder: tuple[Any, Any], tmp_path: Path) -> None:
    """Rows are labelled as the model answers: all is right where nothing moves, and what moves far is not."""
    model, tokenizer = encoder
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS[5:], k=6)) for _ in range(60)]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    model.config.label2id, model.config.id2label = {"0": 0, "1": 1}, {0: "0", 1: "1"}
    with torch.no_grad():
        margin = model(**batch).logits.diff(dim=1)
        model.classifier.bias[1] -= margin.median()
        answers = model(**batch).logits.argmax(1).tolist()
    model.save_pretrained(tmp_path / "trained")
    tokenizer.save_pretrained(tmp_path / "trained")
    parts["simulated"].write_rows(tmp_path / "test-en.tsv", [(text, str(answer)) for text, answer in zip(texts, answers)])
    shared = {
        "source": tmp_path,
        "synonyms": None,
        "vectors": None,
        "dev": 1,
        "test": 1,
        "steps": 1,
        "learning_rate": 1.0,
        "m": 1,
    }
    setup = parts["laboratory_runs"].Setup(**shared, radii=(0.0, 50.0), strengths=(0.0, 50.0))
    found = parts["laboratory_runs"].judge(setup, tmp_path, tmp_path / "trained", seed=0)
    assert 20 < sum(answers) < 40
    assert found["moved"]["0"] == found["cipher"]["0"] == 1.0
    assert max(found["moved"]["50"], found["cipher"]["50"], found["cipher"]["bare"]) < 0.9
    assert 0.5 < found["reordered"] < 1.0


def test_a_split_shares_no_row(parts: dict[str, ModuleType]) -> None:
    rows = [(f"sentence {k}", "0") for k in range(50)]
    split = parts["simulated"].split_rows(rows, seed=1, dev=10, test=15)
    assert [len(part) for part in split] == [25, 10, 15]
    assert sorted(row for part in split for row in part) == sorted(rows)
    assert split != parts["simulated"].split_rows(rows, seed=2, dev=10, test=15)


def made_run(label: str, seed: int, moved: float, dev: float = 0.7, **settings: float) -> dict[str, Any]:
    """A run as the laboratory notes it."""
    return {
        "label": label, "method": label.split()[0], "settings": settings, "seed": seed, "dev": dev, "moved": {"8": moved},
        "cipher": {"bare": 0.5}, "reordered": 0.6,
    }  # fmt: skip


def test_gains_are_paired_by_seed_with_students_interval(parts: dict[str, ModuleType]) -> None:
    runs = [made_run("baseline", seed, value) for seed, value in enumerate((0.60, 0.70, 0.65))]
    runs += [made_run("rs-rp 1", seed, value, epsilon=1.0) for seed, value in ((2, 0.68), (0, 0.61), (1, 0.72))]
    found = parts["laboratory_report"].summary(runs)["rs-rp 1"]["languages"]["moved 8"]
    # gains 1, 2, 3: mean 2, standard deviation 1; t(0.975, 2) = 4.303
    assert found["gain"] == 2.0
    assert found["interval"] == pytest.approx(4.303 / 3**0.5, abs=0.01)
    assert found["mean"] == pytest.approx(67.0)
    assert found["spread"] == pytest.approx(5.57, abs=0.01)


def test_growth_is_the_gain_far_away_less_that_at_home(parts: dict[str, ModuleType]) -> None:
    runs = [made_run(label, seed, 0.6) for label in ("baseline", "ear") for seed in range(2)]
    far = {("baseline", 0): 0.50, ("baseline", 1): 0.52, ("ear", 0): 0.53, ("ear", 1): 0.57}  # gains 3 and 5, at home 0 and 2
    for run in runs:
        home = 0.72 if (run["label"], run["seed"]) == ("ear", 1) else 0.70
        run["moved"] = {"0": home, "4": 0.1, "8": far[run["label"], run["seed"]], "16": far[run["label"], run["seed"]]}
    found = parts["laboratory_report"].summary(runs)["ear"]
    assert found["growth"] == {"gain": pytest.approx(3.0), "interval": pytest.approx(0.0, abs=0.01)}


def test_epsilon_is_chosen_by_the_english_development_part(parts: dict[str, ModuleType]) -> None:
    runs = [made_run("baseline", 0, 0.6)]
    runs += [made_run("rs-rp 0.1", 0, 0.60, dev=0.72, epsilon=0.1), made_run("rs-rp 1", 0, 0.80, dev=0.71, epsilon=1.0)]
    found = parts["laboratory_report"].summary(runs)
    assert [label for label, row in found.items() if row.get("chosen")] == ["rs-rp 0.1"]


def test_the_plot_is_xml_that_shows_every_run(parts: dict[str, ModuleType]) -> None:
    labels = ("baseline", "rs-rp 0.1", "rs-rp 1", "ear")
    runs = [made_run(label, seed, 0.6 + seed / 50 + len(label) / 200) for label in labels for seed in range(3)]
    drawn = ET.fromstring(parts["laboratory_plot"].plot(parts["laboratory_report"].summary(runs)))
    texts = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert set(labels) | {"moved 8", "cipher bare", "reordered"} <= set(texts)
    places = [float(node.attrib[name]) for node in drawn.iter("{http://www.w3.org/2000/svg}circle") for name in ("cx", "cy")]
    assert all(0 <= place <= 1300 for place in places)


class Inline:
    """A pool whose work is done at once, in this process."""

    def submit(self, work: Any, *given: Any) -> Future:
        done: Future = Future()
        done.set_result(work(*given))
        return done


def test_the_whole_laboratory_in_little_and_again(
    parts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All runs are noted; started again it does those that are missing and no other."""
    words = [str(BENCHMARKS / "laboratory.py"), "--quick", "--workers", "1", "--out", str(tmp_path)]
    first = subprocess.run([forked_python(), *words], capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    path = tmp_path / "laboratory.json"
    found = json.loads(path.read_text())
    assert list(found["runs"]) == [f"{label} / {seed}" for seed in (0, 1) for label in ("baseline", "rs-rp 1", "ear")]
    assert found["runs"]["ear / 1"]["moved"].keys() == {"0", "8"}
    lost = found["runs"].pop("rs-rp 1 / 1")
    found["runs"]["ear / 0"]["dev"] = 0.123  # done before, so it stays
    path.write_text(json.dumps(found))
    monkeypatch.setattr(parts["laboratory"], "workers", lambda amount: nullcontext(Inline()))
    monkeypatch.setattr(sys, "argv", words)
    capsys.readouterr()
    parts["laboratory"].main()
    again = json.loads(path.read_text())["runs"]
    same = ("dev", "moved", "cipher", "reordered")
    assert {name: again["rs-rp 1 / 1"][name] for name in same} == {name: lost[name] for name in same}
    assert again["ear / 0"]["dev"] == 0.123
    assert re.findall(r"^\d+/\d+ ", capsys.readouterr().out, re.MULTILINE) == ["1/1 "]
    monkeypatch.setattr(sys, "argv", [*words, "--learning-rate", "0.5"])
    with pytest.raises(SystemExit, match="another setup"):
        parts["laboratory"].main()
