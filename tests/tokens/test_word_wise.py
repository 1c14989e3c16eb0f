"""What a tokenizer's own configuration says: steps and options that were not studied are never trusted."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from tests.tokens.charsmap import charsmap
from tests.tokens.made import GPT4
from xlt_augment.tokens.oddity import Oddity
from xlt_augment.tokens.tokenizer import Tokenizer as Opened
from xlt_augment.tokens.word_ids import WordIds
from xlt_augment.tokens.word_wise import word_rules

N, P = normalizers, pre_tokenizers
VOCABULARY = {"a": 0, "b": 1, "<unk>": 2}


def made(normalizer: Any = None, pre_tokenizer: Any = None, model: Any = None) -> Tokenizer:
    backend = Tokenizer(model or models.WordLevel(VOCABULARY, "<unk>"))
    backend.normalizer = normalizer or N.Sequence([])
    backend.pre_tokenizer = pre_tokenizer or P.WhitespaceSplit()
    return backend


def config_of(backend: Tokenizer) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(backend.to_str())
    return config


def every_step() -> list[tuple[str, str, dict[str, Any]]]:
    """Where each kind of step that is trusted stands in a configuration."""
    normalizers_ = [N.BertNormalizer(), N.Precompiled(charsmap()), N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Nmt(), N.Lowercase()]
    first = [P.BertPreTokenizer(), P.Whitespace(), P.WhitespaceSplit(), P.CharDelimiterSplit(" "), P.Metaspace(), P.ByteLevel()]
    steps = [
        ("normalizer", made(normalizer=step)) for step in [*normalizers_, N.StripAccents(), N.Strip(), N.Replace("a", "b")]
    ]
    steps += [("pre_tokenizer", made(pre_tokenizer=step)) for step in [*first, P.Split(Regex(GPT4), "isolated")]]
    later = [P.Punctuation(), P.Digits(), P.UnicodeScripts()]
    steps += [("later", made(pre_tokenizer=P.Sequence([P.WhitespaceSplit(), step]))) for step in later]
    kinds = [models.WordPiece(VOCABULARY, unk_token="<unk>"), models.WordLevel(VOCABULARY, "<unk>"), models.BPE(VOCABULARY, [])]
    steps += [("model", made(model=model)) for model in [*kinds, models.Unigram([("a", 0.0)], 0)]]
    return [
        (where, config_of(backend)[where.replace("later", "pre_tokenizer")]["type"], config_of(backend))
        for where, backend in steps
    ]


@pytest.mark.parametrize(("where", "kind", "config"), every_step(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_trusted_step_with_an_option_of_a_later_version_is_not(where: str, kind: str, config: dict[str, Any]) -> None:
    assert word_rules(config).reason is None
    changed = copy.deepcopy(config)
    step = changed["pre_tokenizer"]["pretokenizers"][1] if where == "later" else changed[where]
    step["looks_ahead"] = True
    assert "is not known to work on words" in (word_rules(changed).reason or "")
    step.pop("looks_ahead")
    step["type"] = "Novel"
    assert word_rules(changed).reason is not None


@pytest.mark.parametrize(("dropout", "by"), [(None, "words"), (0.0, "words"), (0.1, "texts")])
def test_dropout_is_random(dropout: float | None, by: str) -> None:
    backend = made(model=models.BPE(VOCABULARY, [], dropout=dropout))
    words = WordIds(Opened("x", "", config_of(backend), backend))
    assert words.by == by
    assert words.reason == (None if by == "words" else "its model drops merges at random")


def test_a_file_of_a_later_version() -> None:
    config = config_of(made())
    assert word_rules(config).reason is None
    assert word_rules(config | {"novel": None}).reason == "its file has a part novel, which is not known here"


def test_no_pre_tokenizer_and_no_normalizer() -> None:
    assert word_rules(config_of(Tokenizer(models.BPE()))).reason == "no pre-tokenizer cuts its text at spaces"


def test_sequences_in_sequences_are_read_in_order() -> None:
    inner = P.Sequence([P.Sequence([P.Digits(), P.Punctuation()]), P.Sequence([P.ByteLevel()])])
    rules = word_rules(config_of(made(N.Sequence([N.Sequence([N.NFC(), N.Strip(left=False)]), N.Lowercase()]), inner)))
    assert (rules.reason, rules.strict, rules.strips, rules.single_spaces) == (None, True, True, False)
    assert rules.local == {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}
    backwards = P.Sequence([P.Digits(), P.UnicodeScripts(), P.ByteLevel()])
    assert "UnicodeScripts does not cut" in (word_rules(config_of(made(pre_tokenizer=backwards))).reason or "")
    removed = P.Sequence([P.Punctuation("removed"), P.ByteLevel()])
    assert "Punctuation does not cut" in (word_rules(config_of(made(pre_tokenizer=removed))).reason or "")


def oddity(backend: Tokenizer) -> Oddity:
    config = config_of(backend)
    rules = word_rules(config)
    assert rules.reason is None
    return Oddity(backend, config, rules)


NFKC = made(N.NFKC(), P.Metaspace())
COLLAPSE = made(N.Replace(Regex(" {2,}"), " "), P.ByteLevel())


@pytest.mark.parametrize(
    ("backend", "piece", "odd"),
    [
        (made(), " a\t\u200b", False),
        (NFKC, " a", False),
        (NFKC, "   a", False),
        (NFKC, " ", False),
        (NFKC, " 한국", False),
        (NFKC, " a\u200c", False),
        (NFKC, " a\t", True),
        (NFKC, " a\u200b", True),
        (NFKC, "a\u00a8", True),
        (NFKC, "a\ufdfa", True),
        (COLLAPSE, " a", False),
        (COLLAPSE, "  a", True),
        (COLLAPSE, " ", True),
        (made(N.Replace("x", " "), P.ByteLevel()), " ax", True),
        (made(N.Replace("x", ""), P.ByteLevel()), " x", True),
        (made(N.Precompiled(charsmap())), " a\u00a0b", False),
        (made(N.Precompiled(charsmap())), " a\u00a0", True),
        (made(N.Precompiled(charsmap())), " \u0d4e", True),
        (made(N.Precompiled(charsmap())), " \u0600\u0301", True),
    ],
)
def test_odd_pieces(backend: Tokenizer, piece: str, odd: bool) -> None:
    assert oddity(backend)([piece, "a", piece]).tolist() == [odd, False, odd]


@pytest.mark.parametrize("pre_tokenizer", [P.WhitespaceSplit(), P.Metaspace()])
def test_a_normalizer_that_takes_a_space_away(pre_tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.tsv").write_text("20 308\t78\n")
    backend = made(N.Precompiled(charsmap(tmp_path / "rules.tsv")), pre_tokenizer)
    assert backend.normalizer.normalize_str("a \u0308b") == "axb"
    assert oddity(backend)([" \u0308b", " b", "\u0308b"]).tolist() == [True, False, False]


def test_added_tokens_make_their_pieces_odd_as_written_and_as_normalized() -> None:
    backend = made(N.Sequence([N.NFKC(), N.Lowercase()]))
    backend.add_tokens([AddedToken("<AA>", normalized=True), AddedToken("<B>", normalized=False)])
    found = oddity(backend)
    assert found.reason is None
    assert found(["x<AA>y", " <aa>", " <aA>", " <ＡA＞", " x<B>"]).all()
    assert not found([" <b>", " <", " B", " <Ｂ>"]).any()


def test_an_added_token_of_spaces_makes_pieces_with_several_odd() -> None:
    backend = made()
    assert oddity(backend)(["  a", " a", " a\u00a0b"]).tolist() == [False, False, False]
    backend.add_tokens([AddedToken("   ", normalized=False)])
    assert oddity(backend)(["  a", " a", " a\u00a0b"]).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("normalizer", "content", "reason"),
    [(N.Replace("_", " "), "a_b", "'a b'"), (N.Nmt(), "\u200b", "' '"), (N.NFC(), " ", "' '")],
)
def test_an_added_token_with_a_space_leaves_no_way(normalizer: Any, content: str, reason: str) -> None:
    backend = made(normalizer)
    backend.add_tokens([AddedToken(content, normalized=True)])
    config = config_of(backend)
    assert Oddity(backend, config, word_rules(config)).reason == f"a space in its added token {reason}"
