"""From one team to another through real servers, by the commands alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Outcome, run_command, run_here
from tests.store.conftest import KINDS
from tests.store.made import made_dataset
from tests.store.servers import SECRET
from xlt_train import TrainingSet

SHARED = [kind for kind in KINDS if kind != "memory"]  # memory ends with its process


@pytest.fixture
def stage(clean_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Runs a command of `store` that must go well, or end with the given code; nothing secret is ever printed."""
    monkeypatch.setenv("XLT_CACHE", str(clean_folder / "cache"))
    monkeypatch.setenv("XLT_PUBLISHER", "ann@lab")
    made_dataset(clean_folder / "train", m=20, rows="A good movie .\tThe film was good .\t1\nNo .\tYes .\t0\n" * 40)

    def run(*args: object, code: int = 0, alone: bool = False) -> Outcome:
        done = run_command("xlt-augment", "store", *args) if alone else run_here(capsys, "store", *args)
        assert done.code == code, done.err
        assert SECRET not in done.out + done.err
        return done

    return run


@pytest.mark.parametrize("kind", SHARED)
def test_one_team_publishes_and_another_trains(
    kind: str, stage: Callable[..., Outcome], address: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLT_STORE", address(kind))
    alone = kind in ("s3", "sftp")  # whole processes too: what must end with them is tested there
    assert "safe: one winner" in stage("init", alone=alone).out
    first = json.loads(stage("publish", "train", "team/train", "--json", alone=alone).out)
    assert (first["name"], first["existed"], first["objects_sent"]) == ("team/train@v1", False, 6)
    again = json.loads(stage("publish", "train", "team/train", "--json").out)
    assert (again["name"], again["existed"], again["objects_sent"]) == ("team/train@v1", True, 0)
    assert stage("list").out.split()[0] == "team/train@v1"
    path = Path(stage("pull", "team/train", alone=alone).out.strip())
    for file in Path("train").iterdir():
        assert (path / file.name).read_bytes() == file.read_bytes()
    opened = TrainingSet.open(path)
    assert opened.pulled is not None
    assert opened.pulled.reference == "team/train@v1"
    assert "all as published" in stage("verify", "team/train@v1").out
    assert "garbage   0 objects" in stage("gc").out
    assert "source train" in stage("lineage", "team/train").out


def test_a_server_that_lets_all_creators_win_is_refused(
    stage: Callable[..., Outcome], address: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLT_STORE", address("rclone"))
    assert "creators at the same time do not exclude each other" in stage("init").out
    stage("probe", code=1)
    assert "--single-writer" in stage("publish", "train", "team/train", code=1).err
    assert stage("list").out == ""
    assert "team/train@v1" in stage("publish", "train", "team/train", "--single-writer").out
    assert Path(stage("pull", "team/train").out.strip()).is_dir()
