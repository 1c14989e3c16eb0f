"""The work divided among any number of workers gives the very files of one process; here without Ray, so many times over."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from tests.engines.in_process import InProcess
from tests.engines.small_blocks import set_block_rows
from tests.tokens.made import byte_level, wordpiece
from xlt_augment import Substitute, Swap, SynonymSet, build, verify
from xlt_augment.errors import ClusterError, OutputError, SourceError, UsageError
from xlt_augment.materialize import blocks as blocks_module
from xlt_augment.materialize import units
from xlt_augment.materialize.build import plan_build, run_build
from xlt_augment.materialize.engines import ray as engine
from xlt_augment.materialize.engines.ray import RayEngine, Run, cut_runs
from xlt_augment.perturb.operator import Operator

WORDS = SynonymSet.from_mapping({"good": ["fine", "nice"], "movie": ["film", "motion picture"], "bad": ["poor"]})
OPERATORS: list[Operator] = [Substitute(WORDS, p=0.5, protect=["bad"]), Substitute(WORDS, p="uniform"), Swap(p=0.5)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def both(
    path: Path, operator: Operator, folder: Path, cluster: InProcess, blocks: int | None, **options: Any
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The files of a local build and of a divided one."""
    shard = options.pop("max_shard_size", 500 << 20)
    build(path, operator, out=folder / "local", num_proc=2, max_shard_size=shard, **options)
    plan = plan_build(path, operator, out=folder / "divided", **options)
    run_build(plan, max_shard_size=shard, engine=RayEngine(cluster, blocks))
    assert not list(folder.glob(".xlt-*"))
    return content(folder / "local"), content(folder / "divided")


@given(
    count=st.integers(1, 80), rows=st.integers(1, 30), m=st.integers(1, 4), unit=st.integers(50, 5_000),
    blocks=st.one_of(st.none(), st.integers(1, 9)), shard=st.sampled_from([1, 700, 4_000, 500 << 20]),
    operator=st.sampled_from(OPERATORS), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_same_bytes_for_any_division(
    count: int, rows: int, m: int, unit: int, blocks: int | None, shard: int, operator: Operator, seed: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("split")
    path = folder / "a.tsv"
    path.write_text("".join(f"good movie {k} {'bad ' * (k % 11)}\t{'x' * (k * k % 90)}\t{k % 2}\n" for k in range(count)))
    with pytest.MonkeyPatch.context() as patch:
        set_block_rows(patch, rows)
        patch.setattr(units, "_UNIT_BYTES", unit)
        cluster = InProcess(seed=seed, lost=range(0, 9, 2))
        local, divided = both(path, operator, folder, cluster, blocks, m=m, seed=seed, max_shard_size=shard)
        assert divided == local
        assert len(cluster.items) == min(-(-count // rows), blocks or 4_096)
        verify(folder / "divided")


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_the_same_bytes_with_columns_of_many_types(ending: str, clean_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns with nulls here and there, which readers that start elsewhere hold in other buffers."""
    set_block_rows(monkeypatch, 16)
    monkeypatch.setattr(units, "_UNIT_BYTES", 3_000)
    path = Path("a" + ending)
    if ending == ".csv":
        path.write_text("text,label,note\n" + "".join(f'"good\nmovie {k}",{k % 2},{k * "n"}\n' for k in range(99)))
    else:
        lines = [
            {
                "text": f"good movie {k}",
                "tags": [str(k)] * (k % 4) if k % 5 else None,
                "n": k if k % 3 else None,
                "deep": {"a": [k]},
            }
            for k in range(99)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for shard in (2_000, 500 << 20):
        folder = clean_folder / f"at-{shard}"
        folder.mkdir()
        local, divided = both(path, OPERATORS[0], folder, InProcess(), 4, m=3, max_shard_size=shard)
        assert divided == local


@pytest.mark.parametrize("kind", ["by words", "by texts", "special tokens split"])
def test_the_same_bytes_with_token_columns(
    kind: str, clean_folder: Path, monkeypatch: pytest.MonkeyPatch, small_tsv: Callable[..., Path]
) -> None:
    set_block_rows(monkeypatch, 16)
    tokenizer = byte_level(pre_tokenizers.ByteLevel(use_regex=False)) if kind == "by texts" else wordpiece(lowercase=True)
    tokenizer.save_pretrained("tokenizer")
    if "special" in kind:
        settings = json.loads(Path("tokenizer/tokenizer_config.json").read_text())
        Path("tokenizer/tokenizer_config.json").write_text(json.dumps(settings | {"split_special_tokens": True}))
    path = small_tsv(*(f"A good [MASK] movie number {k}\tbad movie\t{k % 2}" for k in range(60)))
    local, divided = both(path, OPERATORS[0], clean_folder, InProcess(lost=[1]), 3, m=3, tokenizer="tokenizer")
    assert divided == local


def test_runs_are_whole_even_and_all() -> None:
    assert cut_runs(7, None) == [Run(k, k + 1) for k in range(7)]
    assert cut_runs(7, 2) == [Run(0, 3), Run(3, 7)]
    assert cut_runs(2, 99) == [Run(0, 1), Run(1, 2)]
    many = cut_runs(152_588, None)
    assert len(many) == 4_096
    assert {run.stop - run.first for run in many} == {37, 38}
    assert [run.first for run in many] == [0, *(run.stop for run in many[:-1])]


def test_progress_counts_every_row(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    set_block_rows(monkeypatch, 2)
    seen: list[int] = []
    run_build(plan_build(small_tsv(), OPERATORS[0], m=2, out="out"), engine=RayEngine(InProcess(), 2), progress=seen.append)
    assert sorted(seen) == [6, 9]


def _edit(source: Path) -> None:
    source.write_bytes(source.read_bytes().replace(b"movie number 4", b"MOVIE NUMBER 4"))


def _hide(_: Path) -> None:
    next(Path().glob(".xlt-*-work/token")).unlink(missing_ok=True)


FAULTS: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "a source that another node lacks": (Path.unlink, ClusterError, "no file .*shared storage"),
    "a source that grew": (lambda path: path.write_text("x\n" * 99), SourceError, "bytes; expected .*as when it was checked"),
    "a source that changed": (_edit, SourceError, "another content than the first time"),
    "a target that another node lacks": (_hide, ClusterError, "no folder .* with the work of this build.*--out"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_workers_are_errors_of_ours(
    fault: str, small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_block_rows(monkeypatch, 2)
    path = small_tsv()
    spoil, kind, says = FAULTS[fault]
    plan = plan_build(path, OPERATORS[0], m=2, out="out")
    with pytest.raises(kind, match=says) as caught:
        run_build(plan, engine=RayEngine(InProcess(before=lambda number: spoil(path) if path.exists() else None)))
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (type(again), str(again), vars(again)) == (type(caught.value), str(caught.value), vars(caught.value))
    assert {p.name for p in Path().iterdir()} <= {"corpus.tsv"}


def test_other_software_on_a_node_is_refused(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def other(_: int) -> None:
        monkeypatch.setattr(engine, "software_versions", lambda: {"xlt": "0.0", "pyarrow": "1"})

    with pytest.raises(ClusterError, match=r"found xlt 0\.0, python None.*same versions"):
        run_build(plan_build(small_tsv(), OPERATORS[0], m=2, out="out"), engine=RayEngine(InProcess(before=other)))


def test_a_full_disk_on_a_node_is_one_clear_error(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(engine, "write_blocks", full)
    with pytest.raises(OutputError, match="no space left.*Make room"):
        run_build(plan_build(small_tsv(), OPERATORS[0], m=2, out="out"), engine=RayEngine(InProcess()))
    assert [p.name for p in Path().iterdir()] == ["corpus.tsv"]


def test_a_file_that_did_not_arrive_is_noticed(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    written = blocks_module.write_blocks

    def torn(folder: Path, *arguments: Any, **options: Any) -> Any:
        result = written(folder, *arguments, **options)
        with (folder / result.files[-1].path).open("r+b") as stream:
            stream.truncate(100)
        return result

    monkeypatch.setattr(engine, "write_blocks", torn)
    with pytest.raises(ClusterError, match="found 100 bytes; expected .* which a worker wrote"):
        run_build(plan_build(small_tsv(), OPERATORS[0], m=2, out="out"), engine=RayEngine(InProcess()))
    assert [p.name for p in Path().iterdir()] == ["corpus.tsv"]


def test_what_a_lost_worker_left_is_no_part_of_the_dataset(
    small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_block_rows(monkeypatch, 2)

    def litter(number: int) -> None:
        (work,) = Path().glob(".xlt-*-work")
        (work / f"{number:08d}-dead-00000.partial").write_bytes(b"half")

    run_build(plan_build(small_tsv(), OPERATORS[0], m=2, out="out"), engine=RayEngine(InProcess(before=litter)))
    assert verify("out").unlisted == ()
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.tsv", "out"]


@pytest.mark.parametrize(
    "options", [{"engine": "spark"}, {"blocks": 2}, {"ray_address": "x:1"}, {"engine": "ray", "blocks": 0}]
)
def test_engines_that_there_are_not(options: dict[str, Any], small_tsv: Callable[..., Path]) -> None:
    with pytest.raises(UsageError):
        build(small_tsv(), OPERATORS[0], out="out", **options)
    assert not Path("out").exists()


def test_without_ray_the_extra_is_named(small_tsv: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'xlt\[ray\]'"):
        build(small_tsv(), OPERATORS[0], out="out", engine="ray")
