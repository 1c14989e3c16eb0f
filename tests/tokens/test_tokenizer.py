"""Opening a tokenizer: its hash, its ids, what is refused, and silence on standard error."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, BertTokenizerFast

from tests.conftest import PROJECT
from tests.tokens.made import bpe_backend, sample_texts, save, wordpiece
from xlt_augment.errors import TokenizerError, UsageError
from xlt_augment.tokens.tokenizer import open_tokenizer


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(wordpiece(False), tmp_path_factory.mktemp("made") / "small-bert")


def test_the_hash_is_that_of_the_canonical_json_without_runtime_state(bert: str, tmp_path: Path) -> None:
    reference = AutoTokenizer.from_pretrained(bert)
    content = json.loads(reference.backend_tokenizer.to_str())
    content["truncation"] = content["padding"] = None
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    reference("a b", truncation=True, max_length=7, padding="max_length")  # leaves both in the backend
    reference.backend_tokenizer.enable_truncation(5)
    reference.backend_tokenizer.enable_padding(length=9)
    reference.save_pretrained(tmp_path / "used")
    assert json.loads((tmp_path / "used" / "tokenizer.json").read_text())["truncation"] is not None
    for folder in (bert, str(tmp_path / "used")):
        assert open_tokenizer(folder).sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_one_token_more_is_another_tokenizer(bert: str, tmp_path: Path) -> None:
    reference = AutoTokenizer.from_pretrained(bert)
    reference.add_tokens(["xyzzy"])
    assert open_tokenizer(save(reference, tmp_path / "a")).sha256 != open_tokenizer(bert).sha256


def test_a_folder_is_named_by_its_last_part(bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_tokenizer(bert).name == "small-bert"
    monkeypatch.chdir(bert)
    assert open_tokenizer(".").name == "small-bert"


def test_ids_are_not_cut_off_whatever_the_file_says(bert: str, tmp_path: Path) -> None:
    reference = AutoTokenizer.from_pretrained(bert, model_max_length=4)
    reference.backend_tokenizer.enable_truncation(3)
    reference.backend_tokenizer.enable_padding(length=9)
    texts = [*sample_texts()[:5], "", "a"]
    found = open_tokenizer(save(reference, tmp_path / "cut")).encode(texts)
    wanted = [AutoTokenizer.from_pretrained(bert)(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert found.lengths.tolist() == [len(ids) for ids in wanted]
    assert found.ids.tolist() == [token for ids in wanted for token in ids]


def test_special_tokens_split_where_the_tokenizer_is_told_to(bert: str, tmp_path: Path) -> None:
    reference = AutoTokenizer.from_pretrained(bert, split_special_tokens=True)
    found = open_tokenizer(save(reference, tmp_path / "splits")).encode(["a [MASK] b"]).ids.tolist()
    assert found == reference("a [MASK] b", add_special_tokens=False)["input_ids"]
    assert found != open_tokenizer(bert).encode(["a [MASK] b"]).ids.tolist()


def test_a_name_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TokenizerError, match="no such folder, nothing in the local cache.*Where there is a network"):
        open_tokenizer("nobody/no-such-tokenizer")


@pytest.mark.parametrize("kind", ["BertTokenizerFast", "PreTrainedTokenizerFast"])
@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1.0"}', '{"added_tokens": [], "model": {"type": "Novel"}}'])
def test_a_folder_without_a_tokenizer(content: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    (tmp_path / "here" / "tokenizer.json").write_text(content)
    with pytest.raises(TokenizerError) as caught:
        open_tokenizer(str(tmp_path / "here"))
    assert "a path that transformers cannot open as a tokenizer" in caught.value.found
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["BertTokenizerFast", "RobertaTokenizerFast", "XLMRobertaTokenizerFast", "GPT2TokenizerFast"])
def test_a_folder_without_a_vocabulary(kind: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    with pytest.raises(TokenizerError, match="found special tokens alone|cannot open as a tokenizer"):
        open_tokenizer(str(tmp_path))


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"no package transformers.*pip install 'xlt\[tokenize\]'"):
        open_tokenizer("bert-base-multilingual-cased")


def given_by_transformers(monkeypatch: pytest.MonkeyPatch, tokenizer: Any) -> None:
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda name, **options: tokenizer)


def test_a_tokenizer_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        pass

    given_by_transformers(monkeypatch, Slow())
    with pytest.raises(TokenizerError, match="found Slow, which runs in Python"):
        open_tokenizer("x")


def test_a_pre_tokenizer_in_python(monkeypatch: pytest.MonkeyPatch, bert: str) -> None:
    class Custom:
        def pre_tokenize(self, pretok: Any) -> None:
            pass

    tokenizer = AutoTokenizer.from_pretrained(bert)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Custom())
    given_by_transformers(monkeypatch, tokenizer)
    with pytest.raises(TokenizerError, match="which runs in Python"):
        open_tokenizer("x")


def test_a_tokenizer_that_does_more_than_its_backend(monkeypatch: pytest.MonkeyPatch, bert: str) -> None:
    class Upper(BertTokenizerFast):
        def __call__(self, text: str, **options: Any) -> Any:
            return super().__call__(text.upper(), **options)

    given_by_transformers(monkeypatch, Upper.from_pretrained(bert))
    with pytest.raises(TokenizerError, match="Upper, which gives other ids than its own tokenizer.json"):
        open_tokenizer("x")


def test_nothing_is_printed_and_settings_are_as_before(bert: str) -> None:
    code = f"""
import os, sys
sys.modules["torch"] = None  # transformers would give advice on that
from xlt_augment.errors import TokenizerError
from xlt_augment.tokens.tokenizer import open_tokenizer
open_tokenizer({bert!r})
try:
    open_tokenizer("/no/such/folder")
except TokenizerError:
    pass
from transformers.utils import logging
assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.WARNING, True)
assert "TRANSFORMERS_NO_ADVISORY_WARNINGS" not in os.environ
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False,
        env={"PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1", "PATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_encoding_in_batches_keeps_the_order() -> None:
    from xlt_augment.tokens.tokenizer import Tokenizer

    backend: Backend = bpe_backend(pre_tokenizers.ByteLevel())
    texts = [f"text {n} " * (n % 4) for n in range(2_345)]
    found = Tokenizer("x", "", {}, backend).encode(texts)
    wanted = [backend.encode(text, add_special_tokens=False).ids for text in texts]
    assert found.lengths.tolist() == [len(ids) for ids in wanted]
    assert found.ids.tolist() == [token for ids in wanted for token in ids]
