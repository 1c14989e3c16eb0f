"""The commands of `store` as a user meets them."""

import json
import os
import shutil
from pathlib import Path

import datasets
import pytest

from tests.command import Outcome, run_here
from tests.store.made import ROWS, WORDS, made_dataset


@pytest.fixture
def place(clean_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A working folder with a dataset, a store and an empty cache."""
    monkeypatch.setenv("XLT_STORE", str(clean_folder / "store"))
    monkeypatch.setenv("XLT_CACHE", str(clean_folder / "cache"))
    monkeypatch.setenv("XLT_PUBLISHER", "ann@lab")
    made_dataset(clean_folder / "train")
    assert store(capsys, "init").code == 0
    return clean_folder


def store(capsys: pytest.CaptureFixture[str], *args: object) -> Outcome:
    return run_here(capsys, "store", *args)


def test_what_is_published_here_is_pulled_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = store(capsys, "publish", "train", "team/train")
    assert published.code == 0
    assert published.out.startswith("published team/train@v1\n")
    pulled = store(capsys, "pull", "team/train")
    path = Path(pulled.out.removesuffix("\n"))
    assert path.parts[-2:] == ("team", "train@v1")
    assert "are fetched into" in pulled.err
    for file in (place / "train").iterdir():
        assert (path / file.name).read_bytes() == file.read_bytes()
        assert (path / file.name).stat().st_mode & 0o222 == 0
    rows, expected = (datasets.load_from_disk(str(folder)) for folder in (path, place / "train"))
    assert rows[:] == expected[:]
    assert run_here(capsys, "verify", path).code == 0


def test_the_same_content_has_one_version(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = [json.loads(store(capsys, "publish", "train", "team/train", "--json").out) for _ in range(2)]
    assert [(f["name"], f["existed"]) for f in facts] == [("team/train@v1", False), ("team/train@v1", True)]
    assert facts[1]["objects_sent"] == 0
    made_dataset(place / "other", m=3)
    assert "team/train@v2" in store(capsys, "publish", "other", "team/train").out
    assert "team/train@v1 is there already, published by ann@lab" in store(capsys, "publish", "train", "team/train").out
    assert [line.split()[0] for line in store(capsys, "list").out.splitlines()] == ["team/train@v1", "team/train@v2"]


def test_only_what_is_lacking_is_sent(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(store(capsys, "publish", "train", "team/train", "--json").out)
    second = json.loads(store(capsys, "publish", "train", "others/train", "--json").out)
    assert (first["objects_sent"], second["objects_sent"]) == (6, 0)
    again = json.loads(store(capsys, "publish", "train", "others/train", "--again", "--json").out)
    assert again["objects_sent"] == 6


def test_a_version_that_is_asked_for_is_the_next_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert store(capsys, "publish", "train", "team/train@v2").code == 1
    assert store(capsys, "publish", "train", "team/train@v1").code == 0
    assert store(capsys, "publish", "train", "team/train@v1").code == 0
    assert "this very content as team/train@v1" in store(capsys, "publish", "train", "team/train@v2").err
    made_dataset(place / "other", m=3)
    taken = store(capsys, "publish", "other", "team/train@v1")
    assert taken.code == 1
    assert "published by ann@lab" in taken.err
    assert "References never change" in taken.err


def test_an_unsafe_storage_is_refused_unless_one_writes(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from xlt_augment.store.storage.local import LocalStorage

    def overwriting(self: LocalStorage, path: str, content: bytes) -> bool:
        self.upload(path, [content], len(content))
        return True

    monkeypatch.setattr(LocalStorage, "create", overwriting)
    monkeypatch.setenv("XLT_STORE", str(place / "unsafe"))
    assert "NOT SAFE" in store(capsys, "init").out
    assert store(capsys, "probe").code == 1
    refused = store(capsys, "publish", "train", "team/train")
    assert refused.code == 1
    assert "--single-writer" in refused.err
    assert not (place / "unsafe" / "objects").exists()
    assert store(capsys, "publish", "train", "team/train", "--single-writer").code == 0
    assert store(capsys, "publish", "train", "team/train", "--single-writer").out.count("is there already") == 1


def test_single_files_are_pulled_as_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WORDS.save("words.arrow")
    Path("never.txt").write_text("movie film\n")
    for name in ("words.arrow", "never.txt"):
        assert store(capsys, "publish", name, f"team/{name.split('.')[0]}").code == 0
        path = Path(store(capsys, "pull", f"team/{name.split('.')[0]}@v1").out.strip())
        assert path.read_bytes() == Path(name).read_bytes()
    assert run_here(capsys, "build", "train.tsv", "--synonyms", path.parent.parent / "words@v1" / "words.arrow").code == 0


def test_damage_in_the_store_is_found_and_mended(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert store(capsys, "publish", "train", "team/train").code == 0
    victim = max((place / "store" / "objects").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    content = victim.read_bytes()
    victim.write_bytes(content[:100] + bytes([content[100] ^ 4]) + content[101:])
    found = store(capsys, "verify")
    assert found.code == 1
    assert victim.name in found.out
    assert "store publish SOURCE team/train@v1 --again" in found.out
    refused = store(capsys, "pull", "team/train")
    assert refused.code == 1
    assert victim.name in refused.err
    assert not list((place / "cache").rglob("train@v1"))
    assert store(capsys, "publish", "train", "team/train", "--again").code == 0
    assert store(capsys, "verify", "team/train").code == 0
    assert store(capsys, "pull", "team/train").code == 0


def test_damage_in_the_cache_is_mended_by_pulling(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(capsys, "publish", "train", "team/train")
    path = Path(store(capsys, "pull", "team/train").out.strip())
    victim = path / "README.md"
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes()[::-1])
    again = store(capsys, "pull", "team/train")
    assert "was damaged in the cache" in again.err
    assert victim.read_bytes() == (place / "train" / "README.md").read_bytes()
    shutil.rmtree(place / "cache")
    assert Path(store(capsys, "pull", "team/train").out.strip()) == path
    victim.unlink()
    victim.write_text("something else")
    assert store(capsys, "pull", "team/train").code == 0
    assert victim.read_bytes() == (place / "train" / "README.md").read_bytes()


def test_the_cache_does_not_grow_beyond_its_limit(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = json.loads(store(capsys, "publish", "train", "team/train", "--json").out)["bytes_sent"]
    refused = store(capsys, "pull", "team/train", "--max-size", "1KB")
    assert refused.code == 1
    assert "--max-size" in refused.err
    assert not list((place / "cache").rglob("*.arrow"))
    assert store(capsys, "pull", "team/train", "--max-size", size).code == 0
    assert store(capsys, "pull", "team/train", "--max-size", "1KB").code == 0  # nothing is fetched


def test_a_reference_that_changed_is_not_followed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(capsys, "publish", "train", "team/train")
    store(capsys, "pull", "team/train")
    (place / "store" / "references" / "team" / "train" / "v1.json").unlink()
    made_dataset(place / "other", m=3)
    store(capsys, "publish", "other", "team/train")
    refused = store(capsys, "pull", "team/train@v1")
    assert refused.code == 1
    assert "a reference never changes" in refused.err


def test_gc_shows_first_and_keeps_what_is_young_or_reached(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(capsys, "publish", "train", "team/train")
    rest = place / "store" / "objects" / "ab" / ("ab" + "0" * 62)
    rest.parent.mkdir(exist_ok=True)
    rest.write_bytes(b"rest of a publish")
    young = json.loads(store(capsys, "gc", "--apply", "--json").out)
    assert (len(young["young"]["paths"]), young["removed"]["paths"]) == (1, [])
    for path in (place / "store").rglob("*"):
        os.utime(path, (0, 0))
    shown = store(capsys, "gc")
    assert rest.name in shown.out
    assert rest.exists()
    assert "removed   1 object, 17 bytes" in store(capsys, "gc", "--apply").out
    assert not rest.exists()
    assert store(capsys, "verify").code == 0
    assert store(capsys, "gc", "--grace", "1h").code == 2
    assert store(capsys, "gc", "--grace", "soon").code == 2


def test_lineage_and_show_say_where_it_comes_from(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WORDS.save("words.arrow")
    store(capsys, "publish", "words.arrow", "team/words")
    store(capsys, "publish", "train", "team/train")
    lines = store(capsys, "lineage", "team/train").out.splitlines()
    assert lines[0].startswith("dataset team/train@v1")
    assert "recipe method=synonym p=0.5" in lines[1]
    assert any("synonyms team/words@v1" in line for line in lines)
    assert "run" not in store(capsys, "lineage", "team/words").out
    assert "dataset team/train@v1" in store(capsys, "lineage", "team/words").out
    assert WORDS.sha256[:12] in store(capsys, "show", "team/train").out
    facts = json.loads(store(capsys, "show", "team/train@v1", "--json").out)
    assert facts["artifact"]["about"]["rows"] == ROWS.count("\n") * 3


BAD_CALLS = {
    "no store": (["list", "--store", "nowhere"], 1, "store init"),
    "a name that is none": (["pull", "Train"], 2, "team/dataset"),
    "a name that is not there": (["pull", "team/trian"], 1, "near it team/train"),
    "a version that is not there": (["pull", "team/train@v7"], 1, "v1"),
    "nothing to publish": (["publish", "nothing", "team/train"], 1, "no such file"),
    "a size that is none": (["pull", "team/train", "--max-size", "much"], 2, "500MB"),
    "an unknown scheme": (["list", "--store", "ftp://host/x"], 2, "s3"),
    "a password in the address": (["list", "--store", "s3://key:hunter2@bucket/x"], 2, "environment"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_calls_say_what_to_do(place: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    store(capsys, "publish", "train", "team/train")
    args, code, says = BAD_CALLS[case]
    done = store(capsys, *args)
    assert done.code == code, done.err
    assert says in done.err
    assert done.err.count("\n") == 1 or code == 2
    assert "hunter2" not in done.err + done.out


def test_a_store_is_not_made_twice(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (place / "store" / "xlt-store.json").read_bytes()
    assert "is a store already" in store(capsys, "init").out
    assert (place / "store" / "xlt-store.json").read_bytes() == before


def test_pulling_again_says_nothing_of_damage(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(capsys, "publish", "train", "team/train")
    first, second = (store(capsys, "pull", "team/train") for _ in range(2))
    assert (second.code, second.out, second.err) == (0, first.out, "")


def test_the_next_step_names_the_store_where_the_environment_does_not(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store(capsys, "init").out.endswith("xlt-augment store publish DATASET TEAM/NAME\n")
    monkeypatch.delenv("XLT_STORE")
    url = place / "my store"
    assert store(capsys, "init", "--store", url).out.endswith(f"DATASET TEAM/NAME --store '{url}'\n")
    told = store(capsys, "publish", "train", "team/train", "--store", url).out
    assert told.endswith(f"xlt-augment store pull team/train@v1 --store '{url}'\n")


def test_only_datasets_are_exported(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "pairs.tsv").write_text("movie\tfilm\n")
    store(capsys, "publish", "pairs.tsv", "team/pairs")
    told = store(capsys, "export", "team/pairs", "--parquet", "out")
    assert (told.code, told.out) == (1, "")
    assert "exporting team/pairs@v1: found the kind vetoes; expected a dataset" in told.err
