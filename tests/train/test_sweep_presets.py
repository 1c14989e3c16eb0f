"""Presets: each can be run, and what they print of the papers is in itself consistent."""

from pathlib import Path

import pytest

from tests.train.toy import Toy, run_train
from xlt_train.cli.check import first_error, known_names
from xlt_train.cli.sweep import spellings
from xlt_train.errors import UsageError
from xlt_train.methods.registry import METHODS
from xlt_train.methods.settings import SETTINGS
from xlt_train.sweep.command import fit_words
from xlt_train.sweep.points import Contents, points
from xlt_train.sweep.presets import preset, preset_names, preset_text

NAMES = preset_names()
LANGUAGES = {
    "PAWS-X": set("en de es fr ja ko zh".split()),
    "XNLI": set("en ar bg de el es fr hi ru sw th tr ur vi zh".split()),
}
MISPRINTED = {("mbert-rs-syntax", "Table 3"): 84.0}  # 83.5 in the paper, as its row has it
MBERT, XLMR = "bert-base-multilingual-cased", "xlm-roberta-base"


def test_every_row_of_the_papers_has_one() -> None:
    asked = (
        "mbert mbert-adv mbert-rs-rp mbert-rs-da mbert-rs-syntax xlmr xlmr-rs-da ear xlmr-ear ear-no-ept ear-no-apt ear-no-both"
    )
    assert set(asked.split()) | {"ear-nt", "ear-srpt", "xlmr-ear-nt", "xlmr-ear-srpt"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_names_real_options_and_its_source(name: str) -> None:
    found = preset(name)
    settings = {**found.fit, **found.grid}
    assert settings.keys() <= known_names()
    method = settings["method"]
    assert all(method in SETTINGS[key].defaults for key in settings if key in SETTINGS)
    assert settings["model"] == (XLMR if name.startswith("xlmr") else MBERT)
    assert (settings["learning_rate"], settings["per_device_train_batch_size"], settings["max_length"]) == (2e-5, 32, 128)
    assert settings["num_train_epochs"] == (1 if "xnli" in name else METHODS[method].epochs)
    assert found.about
    assert found.source["paper"]
    assert found.source["section"]
    assert found.published
    assert all(row.task in LANGUAGES and row.table and row.row for row in found.published)


@pytest.mark.parametrize("name", NAMES)
def test_printed_averages_are_those_of_their_rows(name: str) -> None:
    for row in preset(name).published:
        assert set(row.accuracy) <= LANGUAGES[row.task]
        if row.average is None:
            assert row.note, "a row without its average says why"
        elif row.accuracy:
            assert set(row.accuracy) == LANGUAGES[row.task]
            printed = MISPRINTED.get((name, row.table), row.average)
            assert abs(sum(row.accuracy.values()) / len(row.accuracy) - printed) <= 0.1, row
            assert bool(row.note) == ((name, row.table) in MISPRINTED)
        else:
            assert row.table == "Table 6"  # averages alone


@pytest.mark.parametrize("name", NAMES)
def test_rows_about_a_setting_are_about_one_of_the_grid(name: str) -> None:
    found = preset(name)
    for row in found.published:
        for key, value in row.at.items():
            assert value in found.grid[key]


def test_what_is_printed_twice_is_the_same() -> None:
    """Ding et al. print rows of Huang et al. again, and their own best row in four tables."""
    best = next(row for row in preset("ear").published if row.task == "XNLI")
    for name, key, value in (("ear-alpha", "alpha", 1.0), ("ear-beta", "beta", 0.1)):
        row = next(row for row in preset(name).published if row.at == {key: value})
        assert row.accuracy == pytest.approx(best.accuracy, abs=0.051)
        assert row.average == 68.42
    scale = preset("ear-dictionary").published[0]
    assert scale.average == 68.424


@pytest.mark.timeout(600)
def test_every_run_of_every_preset_would_start_on_a_small_machine(toy: Toy) -> None:
    """`--set model=nano --set max_steps=5` is enough; the toy has two variants, so that is set too."""
    runs, owners = [], []
    for name in NAMES:
        found = preset(name)
        data = toy.swap if found.fit["method"] == "rs-syntax" else toy.synonym
        changes = [("model", "nano"), ("max_steps", 5)] + [("variants", 2)] * ("variants" in {**found.fit, **found.grid})
        small = found.with_fixed({"data": [str(data)], "dev": str(toy.dev)}).changed(changes)
        for point in points(small, Contents()):
            runs.append({"names": list(point.options), "words": fit_words(point, spellings(), Path("out") / point.name)})
            owners.append(name)
    assert set(owners) == set(NAMES)
    error = first_error(runs)
    assert error is None, (owners[error["run"]], error)


def test_list_and_show_print_them(capsys: pytest.CaptureFixture[str]) -> None:
    listed = run_train(capsys, "sweep", "--list")
    assert [line.split()[0] for line in listed.out.splitlines()] == NAMES
    assert all(len(line.split()) > 3 for line in listed.out.splitlines())
    shown = run_train(capsys, "sweep", "--show", "mbert-rs-rp")
    assert (shown.code, shown.out) == (0, preset_text("mbert-rs-rp"))
    wrong = run_train(capsys, "sweep", "--show", "mbert-rsrp")
    assert wrong.code == 2
    assert "Did you mean mbert-rs-rp?" in wrong.err


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Did you mean ear-srpt\?"):
        preset("ear-sprt")
