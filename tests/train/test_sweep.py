"""A sweep as a value: its file, its runs and their names, the commands, the choice, the table."""

import itertools
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.toy import Toy
from xlt_train.cli.sweep import spellings
from xlt_train.errors import DatasetError, ExamplesError, UsageError, XltError
from xlt_train.files import sha256_file
from xlt_train.runs.record import FINISHED, RunRecord
from xlt_train.sweep.choice import Chosen, Scored, choose
from xlt_train.sweep.command import JudgedOn, evaluate_words, fit_words
from xlt_train.sweep.points import Contents, Point, points
from xlt_train.sweep.run import plan_sweep
from xlt_train.sweep.spec import Sweep, parse_set, plain, read_sweep, same
from xlt_train.sweep.state import State, finished_record
from xlt_train.sweep.table import table_rows, write_table

FILE = """
about = "two by two"
[fit]
method = "rs-rp"
model = "nano"
[grid]
epsilon = [0.01, 0.1]
seed = [1, 2]
[source]
paper = "A paper"
[[published]]
task = "PAWS-X"
table = "Table 1"
row = "RS-RP"
at = { epsilon = 0.1 }
accuracy = { en = 90.5, de = 80 }
average = 85.25
"""


def sweep_of(text: str = FILE) -> Sweep:
    """The sweep of a file named `grid`."""
    return Sweep.parse(text, "grid", "grid.toml")


def point(sweep: str = "grid", seed: int = 1, **options: Any) -> Point:
    """A run that nobody looks for on disk."""
    options = {"data": ["d"], "method": "rs-rp", "model": "nano", "seed": seed} | options
    name = "-".join(str(value) for value in options.values())
    return Point(sweep=sweep, name=name, options=options, varied=(), hashes=("h",), dev_sha256=None)


# ---- the file


def test_a_file_says_what_it_says() -> None:
    found = sweep_of()
    assert (found.name, found.about) == ("grid", "two by two")
    assert found.fit == {"method": "rs-rp", "model": "nano"}
    assert found.grid == {"epsilon": [0.01, 0.1], "seed": [1, 2]}
    assert found.published[0].accuracy == {"en": 90.5, "de": 80.0}
    assert found.published[0].average == 85.25


def test_a_printed_row_stands_beside_runs_with_its_settings_and_languages() -> None:
    row = sweep_of().published[0]
    assert row.fits({"epsilon": 0.1}, ["de", "en", "fr"])
    assert not row.fits({"epsilon": 0.01}, ["de", "en", "fr"])
    assert not row.fits({}, ["de", "en", "fr"])
    assert not row.fits({"epsilon": 0.1}, ["en", "fr"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[fit", ["no TOML", "docs/sweep.md"]),
        ("[fitt]\nmethod = 'adv'", ["'fitt'", "Did you mean fit?"]),
        ("fit = 3", ["fit = 3"]),
        ("[fit]\nepsilon = nan", ["epsilon = nan", "finite numbers"]),
        ("[fit]\nseed = 1979-05-27", ["texts, finite numbers"]),
        ("[fit]\nx = [inf]", ["x = [inf]"]),
        ("[grid]\nseed = 3", ["seed = 3", "a list of values"]),
        ("[grid]\nseed = []", ["a list of values"]),
        ("[grid]\nepsilon = [1, 0.1, 1.0]", ["1.0 twice"]),
        ("[grid]\nepsilon = [0.1, inf]", ["finite numbers"]),
        ("[fit]\nseed = 1\n[grid]\nseed = [1]", ["in [fit] and in [grid]"]),
        ("[source]\npapr = 'x'", ["'papr'", "Did you mean paper?"]),
        ("[[published]]\naccuracy = { en = 101 }", ["101", "percent"]),
        ("[[published]]\naccuracy = { en = '90' }", ["'90'", "percent"]),
        ("[[published]]\naverage = true", ["True", "percent"]),
        ("[[published]]\nrwo = 'x'", ["'rwo'", "Did you mean row?"]),
        ("published = [3]", ["a table"]),
        ("[[published]]\nat = 3", ["at = 3", "a table"]),
        ("[[published]]\nat = { seed = 1979-05-27 }", ["seed = 1979", "finite numbers"]),
        ("[[published]]\naccuracy = 90", ["accuracy = 90", "a table"]),
        ("[[published]]\nrow = 3", ["row = 3", "text"]),
        ("[[published]]\nnote = ['x']", ["note = ['x']", "text"]),
        ("[source]\npaper = ['x']", ["paper = ['x']", "text"]),
        ("about = 3", ["about = 3", "text"]),
    ],
)
def test_a_wrong_file_is_refused(text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        sweep_of(text)
    assert all(word in str(caught.value) for word in [*words, "grid.toml"])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    for name, word in (("none.toml", "No such file"), ("bad.toml", "no UTF-8 text")):
        with pytest.raises(UsageError, match=word):
            read_sweep(tmp_path / name)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("epsilon=0.1", ("epsilon", 0.1)),
        ("max-steps=5", ("max_steps", 5)),
        ("model=nano", ("model", "nano")),
        ("model='nano'", ("model", "nano")),
        ("bf16=true", ("bf16", True)),
        ("dev_rows=0:40", ("dev_rows", "0:40")),
        ("layers=4,6,8", ("layers", "4,6,8")),
        ("epsilon=[0.1, 1]", ("epsilon", [0.1, 1])),
        ("model=a=b", ("model", "a=b")),
        ("x=1\ny = 2", ("x", "1\ny = 2")),
    ],
)
def test_set_takes_values_as_toml_has_them(word: str, expected: tuple[str, Any]) -> None:
    assert parse_set(word) == expected


@pytest.mark.parametrize("word", ["epsilon", "=3", "a b=3", "epsilon=", "epsilon= "])
def test_set_without_key_or_value_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="KEY=VALUE"):
        parse_set(word)


def test_changes_move_settings_between_file_and_grid() -> None:
    found = sweep_of().changed([("seed", 7), ("model", ["nano", "other"]), ("epsilon", [1.0])])
    assert found.fit == {"method": "rs-rp", "seed": 7}
    assert found.grid == {"epsilon": [1.0], "model": ["nano", "other"]}
    fixed = sweep_of().with_fixed({"epsilon": 0.5, "data": ["a", "b"]})
    assert fixed.fit == {"method": "rs-rp", "model": "nano", "epsilon": 0.5, "data": ["a", "b"]}
    assert fixed.grid == {"seed": [1, 2]}
    with pytest.raises(UsageError, match="twice"):
        sweep_of().changed([("epsilon", [1, 1.0])])
    with pytest.raises(UsageError, match="finite"):
        sweep_of().changed([("epsilon", float("nan"))])


def test_numbers_are_the_same_however_they_are_written() -> None:
    assert same(1, 1.0)
    assert same("6", 6)
    assert same((0, 40), [0, 40])
    assert not same(0.1, 0.2)
    assert plain([1.0, "a"]) == [1, "a"]


# ---- the runs


def planned(toy: Toy, text: str = FILE, **fixed: Any) -> list[Point]:
    """The runs of a file on the toy's data."""
    return points(sweep_of(text).with_fixed({"data": [str(toy.synonym)]} | fixed), Contents())


def test_the_runs_are_the_product_in_its_order(toy: Toy) -> None:
    found = planned(toy)
    assert [(p.options["epsilon"], p.seed) for p in found] == [(0.01, 1), (0.01, 2), (0.1, 1), (0.1, 2)]
    assert all(p.options["data"] == [str(toy.synonym)] and p.varied == ("epsilon", "seed") for p in found)
    assert found[0].name.startswith("rs-rp-epsilon0.01-seed1-")
    assert len({p.name for p in found}) == 4
    assert [found[0].setting == p.setting for p in found] == [True, True, False, False]


def test_a_name_is_that_of_settings_and_contents(toy: Toy, tmp_path: Path) -> None:
    name = planned(toy)[0].name
    assert planned(toy, FILE.replace("0.01,", "1e-2,"))[0].name == name
    assert planned(toy, dataloader_num_workers=2, logging_steps=5, rehash=True)[0].name == name  # nothing of it touches weights
    assert planned(toy, FILE.replace("0.01", "1"))[0].name == planned(toy, FILE.replace("0.01", "1.0"))[0].name
    assert planned(toy, warmup_steps=1)[0].name == planned(toy, warmup_steps=1.0)[0].name != name
    (tmp_path / "moved").symlink_to(toy.synonym)
    assert points(sweep_of().with_fixed({"data": str(tmp_path / "moved")}), Contents())[0].name == name
    others = [{"seed": 42}, {"learning_rate": 1e-3}, {"dev": str(toy.dev)}, {"model": "other"}]
    names = [planned(toy, FILE.replace("seed = [1, 2]", ""), **other)[0].name for other in others]
    names += [points(sweep_of().with_fixed({"data": [str(toy.swap)]}), Contents())[0].name, name]
    names += [points(sweep_of().with_fixed({"data": [str(toy.swap), str(toy.synonym)]}), Contents())[0].name]
    assert len({one[-8:] for one in names}) == len(names)
    default = planned(toy, FILE.replace("seed = [1, 2]", ""))[0]
    assert default.seed == 42
    assert default.name == names[0]


def test_a_run_keeps_its_folder_in_another_grid(toy: Toy, tmp_path: Path) -> None:
    """Two sweeps share a run, and a run that is there is found again, under the name that it has."""
    one, two = sweep_of().with_fixed({"data": [str(toy.synonym)]}), sweep_of(FILE).changed([("epsilon", 0.01), ("seed", 1)])
    two = replace(two.with_fixed({"data": [str(toy.synonym)]}), name="other")
    both = plan_sweep([one, two], out=tmp_path, spellings={})
    assert [point.sweep for point in both.points] == ["grid"] * 4 + ["other"]
    assert both.points[4].name == both.points[0].name
    assert len(both.distinct()) == 4
    assert both.distinct()[0].sweep == "grid"
    alone = plan_sweep([two], out=tmp_path, spellings={}).points[0].name
    assert alone != both.points[0].name
    (tmp_path / both.points[0].name).mkdir()
    assert plan_sweep([two], out=tmp_path, spellings={}).points[0].name == alone  # an empty folder is no run
    (tmp_path / both.points[0].name / "xlt-run.json").write_text("{}")
    assert plan_sweep([two], out=tmp_path, spellings={}).points[0].name == both.points[0].name


def test_other_content_of_the_development_set_is_another_run(toy: Toy, tmp_path: Path) -> None:
    dev = tmp_path / "dev.tsv"
    dev.write_text(toy.dev.read_text())
    first = planned(toy, dev=str(dev))[0]
    assert first.dev_sha256 == sha256_file(dev)
    dev.write_text(toy.dev.read_text() * 2)
    assert planned(toy, dev=str(dev))[0].name != first.name


def test_names_are_file_names(toy: Toy) -> None:
    text = "[fit]\nmethod = 'baseline'\n[grid]\nmodel = ['some/where else', '../x']\nlr_scheduler_type = ['a/b']"
    for found in planned(toy, text):
        assert Path(found.name).name == found.name
        assert " " not in found.name
        assert len(found.name) < 120
    both = [str(toy.synonym), str(toy.swap)]
    found = points(Sweep.parse(f"[fit]\nmethod = 'baseline'\n[grid]\ndata = ['{toy.swap}', {both}]", "g", "g"), Contents())
    assert [p.options["data"] for p in found] == [[str(toy.swap)], both]
    assert found[1].name.startswith("baseline-synonym+swap-")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"output_dir": "x"}, "output_dir"),
        ({"resume_from_checkpoint": "x"}, "resume_from_checkpoint"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"data": []}, "no dataset"),
    ],
)
def test_what_a_sweep_cannot_do_without_is_said(toy: Toy, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        planned(toy, FILE, **changes)
    with pytest.raises(UsageError, match="no method"):
        planned(toy, "[fit]\nmodel = 'nano'")
    with pytest.raises(UsageError, match="no dataset"):
        points(sweep_of(), Contents())


def test_missing_data_is_said_before_anything_else(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        points(sweep_of().with_fixed({"data": [str(tmp_path / "none")]}), Contents())
    with pytest.raises(ExamplesError, match="--dev"):
        planned(toy, dev=str(tmp_path / "none.tsv"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("method = ['rs-rp']", "method = ['rs-rp']"),
        ("model = ['nano']", "model = ['nano']"),
        ("model = { name = 'nano' }", "model = {'name': 'nano'}"),
        ("max_length = [32, 64]", "max_length = [32, 64]"),
        ("layers = { first = 6 }", "layers = {'first': 6}"),
        ("text_columns = { a = 'x' }", "text_columns = {'a': 'x'}"),
        ("include_original = 'no'", "include_original = 'no'"),
    ],
)
def test_an_option_has_as_many_values_as_fit_takes(toy: Toy, tmp_path: Path, change: str, said: str) -> None:
    """In the file, in its grid and by --set: a run that was asked for otherwise would never be seen as finished."""
    key, _, value = change.partition(" = ")
    base = f"data = '{toy.synonym}'\n" + "".join(
        f"{k} = '{v}'\n" for k, v in (("method", "rs-rp"), ("model", "nano")) if k != key
    )
    single = sweep_of(f"[fit]\n{base}")
    tried = [sweep_of(f"[fit]\n{base}{change}"), sweep_of(f"[fit]\n{base}[grid]\n{key} = [{value}]")]
    tried += [single.changed([parse_set(f"{key}={value}")])] if not value.startswith("[") else []
    tried += [single.changed([parse_set(f"{key}=[{value}]")])]
    for sweep in tried:
        with pytest.raises(UsageError) as caught:
            plan_sweep([sweep], out=tmp_path, spellings=spellings())
        assert said in str(caught.value)
        assert "planning the sweep grid" in str(caught.value)


def test_what_fit_takes_several_of_may_be_a_list(toy: Toy, tmp_path: Path) -> None:
    text = "[fit]\nmethod = 'rs-rp'\ntext_columns = ['a', 'b']\ndev_rows = [0, 40]\nreport_to = ['none']\n"
    text += "lr_scheduler_kwargs = { power = 2 }\n"
    text += f"[grid]\ndata = ['{toy.synonym}', ['{toy.synonym}', '{toy.swap}']]\ncolumns = [['a', 'b'], 'c,d']\n"
    text += "include_original = [true, false]"
    assert len(plan_sweep([sweep_of(text)], out=tmp_path, spellings=spellings()).points) == 8
    by_set = sweep_of(f"[fit]\ndata = '{toy.synonym}'\nmethod = 'rs-rp'").changed([parse_set("model=['nano', 'other']")])
    assert len(plan_sweep([by_set], out=tmp_path, spellings=spellings()).points) == 2


def test_a_run_is_found_finished_whose_model_reads_as_a_number(toy: Toy, tmp_path: Path) -> None:
    (run,) = planned(toy, "[fit]\nmethod = 'rs-rp'\nmodel = 3")
    about: dict[str, Any] = {"text_columns": [], "dev": None, "versions": {}, "device": "", "results": {}, "weights": {}}
    about |= {
        "method": {"name": "rs-rp", "paired": False, "variants": [[0, 0]]},
        "training": {"seed": 42},
        "results": {"steps": 1},
    }
    model = {"name": "3", "labels": ["a"], "max_length": 8, "randomly_initialised": False, "revision": None}
    data = {"logical_hash": run.hashes[0]} | dict.fromkeys(("manifest_sha256", "recipe", "source", "synonyms"), "")
    record = RunRecord(status=FINISHED, data=[data], model=model, **about)
    record.write(tmp_path)
    assert finished_record(tmp_path, run) == record
    replace(record, model=model | {"name": "4"}).write(tmp_path)
    assert finished_record(tmp_path, run) is None


# ---- the commands


def test_commands_are_what_a_user_would_type() -> None:
    options = {
        "data": ["a", "b c"], "include_original": True, "rehash": False, "max_length": 32, "columns": ["x", "y"],
        "dev_rows": [0, 40], "bf16": True, "report_to": ["tensorboard", "none"], "lr_scheduler_kwargs": {"power": 2.0},
        "learning_rate": 2e-5, "epsilon": 0.1, "spare_special_tokens": True,
    }  # fmt: skip
    words = fit_words(point(**options), spellings(), Path("out/run"))
    assert shlex.join(words) == (
        "fit --data a --data 'b c' --method rs-rp --model nano --seed 1 --include-original --max-length 32 --columns x,y"
        " --dev-rows 0:40 --bf16 true --report_to tensorboard none --lr_scheduler_kwargs '{\"power\": 2.0}'"
        " --learning_rate 2e-05 --epsilon 0.1 --spare-special-tokens --output_dir out/run --resume_from_checkpoint true"
    )
    assert evaluate_words(Path("r"), JudgedOn("t", "dev", (3, 9))) == (
        ["evaluate", "r", "--test-dir", "t", "--split", "dev", "--rows", "3:9"]
    )


def test_every_method_setting_has_a_spelling() -> None:
    from xlt_train.methods.settings import SETTINGS

    assert set(SETTINGS) <= set(spellings())


# ---- the choice

GRID = [(setting, seed) for setting in range(3) for seed in range(2)]


def scored(accuracies: list[float | None], sweep: str = "grid") -> list[Scored]:
    """Three settings with two seeds each."""
    return [Scored(point(sweep, seed, epsilon=setting), value) for (setting, seed), value in zip(GRID, accuracies)]


@pytest.mark.parametrize(
    ("accuracies", "per_seed", "of_all"),
    [
        ([0.5, 0.5, 0.9, 0.1, 0.6, 0.6], {2, 5}, {4, 5}),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], {0, 1}, {0, 1}),  # ties: the earlier
        ([0.1, 0.2, 0.2, 0.1, 0.3, 0.0], {4, 1}, {0, 1}),
        ([0.9, None, 0.8, 0.8, 0.1, 0.1], {0, 3}, {2, 3}),  # a setting counts when all its seeds have an accuracy
        ([None, None, None, None, None, 0.1], {5}, set()),
        ([0.0, 0.0, None, None, None, None], {0, 1}, {0, 1}),
        ([None] * 6, set(), set()),
    ],
)
def test_the_choice_is_the_best_of_each_seed_and_the_best_mean(
    accuracies: list[float | None], per_seed: set[int], of_all: set[int]
) -> None:
    assert choose(scored(accuracies)) == Chosen(frozenset(per_seed), frozenset(of_all))


def test_each_sweep_chooses_for_itself() -> None:
    low, high = [0.1, 0.1, 0.2, 0.2, 0.0, 0.0], [0.9] * 6
    assert choose([*scored(low, "one"), *scored(high, "two")]) == Chosen(frozenset({2, 3, 6, 7}), frozenset({2, 3, 6, 7}))


@given(st.lists(st.sampled_from([None, 0.25, 0.5, 0.75]), min_size=6, max_size=6))
def test_no_run_of_a_seed_is_better_than_the_chosen_one(accuracies: list[float | None]) -> None:
    found = choose(scored(accuracies))
    for seed, values in itertools.groupby(sorted(range(6), key=lambda k: GRID[k][1]), key=lambda k: GRID[k][1]):
        here = list(values)
        known = [accuracies[k] for k in here if accuracies[k] is not None]
        chosen = [k for k in here if k in found.per_seed]
        assert [accuracies[k] for k in chosen] == ([max(known)] if known else []), seed


# ---- the table


def state(dev: float | None = None, accuracy: dict[str, float | None] | None = None, **changes: Any) -> State:
    """A finished run, or a waiting one without `dev`."""
    about: dict[str, Any] = {
        "status": FINISHED,
        "method": {},
        "data": [],
        "text_columns": [],
        "model": {},
        "dev": {},
        "training": {},
    }
    results = {"steps": 3, "best_step": None, "dev_accuracy": dev, "seconds": 1.5}
    record = RunRecord(**about, versions={}, device="", results=results, weights={"model.safetensors": "ab"})
    known: dict[str, Any] = (
        {"record": record, "status": "finished"} if dev is not None else {"record": None, "status": "waiting"}
    )
    found = accuracy or {}
    return State(**{"accuracy": found, "average": 0.5 if found else None, "error": None} | known | changes)


def test_the_table_has_a_row_a_run_and_a_column_a_setting(tmp_path: Path) -> None:
    runs = [point("a", 1, epsilon=1, steps=2), point("b", 2, epsilon=0.5, columns=["x", "y"]), point("b", 3, epsilon="wide")]
    states = [state(0.5, {"en": 1.0, "de": None}), state(), state(status="failed", error="no, not so")]
    rows = table_rows(runs, states, Chosen(frozenset({0}), frozenset()), [sweep_of().published[0], None, None])
    names = (
        "sweep run method model data dataset_hash seed epsilon fit_steps columns status steps best_step dev_accuracy seconds"
        " weights chosen chosen_of_all error accuracy_en accuracy_de average published_en published_de published_average"
    )
    assert [list(row) for row in rows] == [names.split()] * 3
    write_table(tmp_path, rows)
    table = pq.read_table(tmp_path / "sweep.parquet")
    assert table.column_names == names.split()
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["fit_steps"], first["steps"], first["dev_accuracy"], first["weights"]) == (2, 3, 0.5, "ab")
    assert (first["accuracy_en"], first["accuracy_de"], first["average"], first["published_en"]) == (1.0, None, 0.5, 90.5)
    assert table["epsilon"].to_pylist() == ["1", "0.5", "wide"]
    assert table["columns"].to_pylist() == [None, "x,y", None]
    assert table["status"].to_pylist() == ["finished", "waiting", "failed"]
    assert table["chosen"].to_pylist() == [True, False, False]
    kinds = {name: str(table[name].type) for name in names.split()}
    assert {name for name, kind in kinds.items() if kind == "int64"} == {"seed", "fit_steps", "steps", "best_step"}
    assert {name for name, kind in kinds.items() if kind == "bool"} == {"chosen", "chosen_of_all"}
    numbers = {"dev_accuracy", "seconds", "average", *(name for name in kinds if name.startswith(("accuracy_", "published_")))}
    assert {name for name, kind in kinds.items() if kind == "double"} == numbers
    assert set(kinds.values()) == {"int64", "bool", "double", "string"}  # no column without a type
    read = pc.read_csv(tmp_path / "sweep.csv", convert_options=pc.ConvertOptions(strings_can_be_null=True))
    assert read.column_names == table.column_names
    assert read["error"].to_pylist() == [None, None, "no, not so"]
    assert json.loads(json.dumps(rows)) == rows


def test_whole_numbers_and_others_share_a_column_of_numbers(tmp_path: Path) -> None:
    runs = [point(seed=1, epsilon=1, bf16=True), point(seed=2, epsilon=0.1), point(seed=3)]
    write_table(tmp_path, table_rows(runs, [state()] * 3, Chosen(frozenset(), frozenset()), [None] * 3))
    assert pq.read_table(tmp_path / "sweep.parquet")["epsilon"].to_pylist() == [1.0, 0.1, None]
    assert pq.read_table(tmp_path / "sweep.parquet")["bf16"].to_pylist() == [True, None, None]
    assert {path.name for path in tmp_path.iterdir()} == {"sweep.parquet", "sweep.csv"}


def test_errors_have_four_parts() -> None:
    with pytest.raises(XltError) as caught:
        sweep_of("[fit")
    assert all((caught.value.doing, caught.value.found, caught.value.expected, caught.value.remedy))
