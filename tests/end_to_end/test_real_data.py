"""The main job on real corpora, opened by plain `datasets` in a process that never imports our code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import run_command, run_here

READER = """
import json, sys
import datasets
rows = datasets.load_from_disk(sys.argv[1])
assert not any(name.startswith("xlt") for name in sys.modules)
json.dump({"rows": rows[:], "names": rows.features["label"].names if "label" in rows.features else None}, sys.stdout)
"""


def _read(folder: Path) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", READER, folder], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_pawsx_with_the_published_set(shared_data: Path, clean_folder: Path) -> None:
    source, synonyms = shared_data / "pawsx" / "dev-en.tsv", shared_data / "synonyms" / "counterfitted_neighbors.json"
    done = run_command("xlt-augment", "build", source, "--synonyms", synonyms, "--m", 10, "--p", 0.1, "--json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    found = _read(Path(facts["path"]))
    rows = found["rows"]
    lines = [line.split("\t") for line in source.read_text(encoding="utf-8").split("\n")[:-1]]
    assert isinstance(rows, dict)
    assert len(rows["label"]) == 22_000
    assert found["names"] == ["0", "1"]
    for k, line in enumerate(lines):
        assert [rows["sentence1"][k * 11], rows["sentence2"][k * 11], str(rows["label"][k * 11])] == line
        assert set(rows["label"][k * 11 : k * 11 + 11]) == {int(line[2])}
    rate = facts["statistics"]["changed_share_of_eligible"]
    draws = facts["statistics"]["eligible_words"] * 10
    assert abs(rate - 0.1) < 4 * (0.1 * 0.9 / draws) ** 0.5
    assert run_command("xlt-augment", "verify", facts["path"]).code == 0


@pytest.mark.parametrize("language", ["en", "ru", "hi", "ar", "th", "zh"])
@pytest.mark.parametrize("method", ["synonym", "swap"])
def test_xnli_in_many_scripts(
    language: str, method: str, shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_data / "xnli" / f"dev-{language}.tsv"
    done = run_here(capsys, "build", source, "--method", method, "--m", 3, "--p", 0.3, "--out", "out")
    assert done.code == 0, done.err
    found = _read(clean_folder / "out")
    rows = found["rows"]
    lines = [line.split("\t") for line in source.read_text(encoding="utf-8").split("\n")[:-1]]
    assert isinstance(rows, dict)
    assert found["names"] == ["contradiction", "entailment", "neutral"]
    assert [rows["sentence1"][::4], rows["sentence2"][::4]] == [[line[0] for line in lines], [line[1] for line in lines]]
    if method == "swap":
        assert all(sorted(a) == sorted(b) for a, b in zip(rows["sentence1"][::4], rows["sentence1"][1::4]))
        assert sum(rows["changed"]) > 1_000
    assert run_here(capsys, "verify", "out").code == 0


def test_emnlp_preset_on_real_text(shared_data: Path, clean_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, synonyms = shared_data / "pawsx" / "dev-en.tsv", shared_data / "synonyms" / "counterfitted_neighbors.json"
    done = run_here(capsys, "build", source, "--preset", "emnlp", "--synonyms", synonyms, "--m", 2, "--json", "--out", "out")
    facts = json.loads(done.out)
    assert {key: facts["recipe"][key] for key in ("m", "p", "words", "case")} == {
        "m": 2, "p": "uniform", "words": "space", "case": "exact"
    }  # fmt: skip
    neighbors = json.loads(synonyms.read_bytes())
    rows = _read(clean_folder / "out")["rows"]
    assert isinstance(rows, dict)
    expected = drawn = 0.0
    for k in range(0, 6_000, 3):
        words = rows["sentence1"][k].split(" ")
        for copy in (rows["sentence1"][k + 1], rows["sentence1"][k + 2]):
            for before, after in zip(words, copy.split(" "), strict=True):
                choices = neighbors.get(before) or []
                assert after == before or after in choices
                if choices:
                    expected += len(choices) / (len(choices) + 1)
                    drawn += after != before
    assert abs(drawn / expected - 1) < 0.01
