"""A Hugging Face fast tokenizer as a value: its name, the hash of its own file, and what encodes."""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xlt_augment.canonical import sha256_json
from xlt_augment.errors import TokenizerError, UsageError

if TYPE_CHECKING:
    import tokenizers

_SILENT = 50  # the level CRITICAL
_BATCH = 1_000  # texts encoded at once: enough for all cores, and their encodings stay small in memory
_FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError)  # tokenizers raises Exception itself
_LARGE = {"vocab", "merges"}
_PROBES = ("Two words, 3 signs: naïve café.", " ein  Haus\t東京 서울 ")


class Encoded(NamedTuple):
    """Ids of n texts behind each other: `ids` int32 [sum of lengths], `lengths` int64 [n]."""

    ids: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A fast tokenizer without truncation and padding.

    `name` as given, of a folder its last part; `sha256` of its canonical JSON (docs/format.md, "Token columns"); `config`: that
    JSON, null for vocabulary and merges, which are large; `backend`: the `tokenizers.Tokenizer`.
    """

    name: str
    sha256: str
    config: dict[str, Any]
    backend: "tokenizers.Tokenizer"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In another process; one setting of the backend is in no JSON, so it does not travel by itself."""
        vars(self).update(state)
        self.backend.encode_special_tokens = bool(self.config.get("split_special_tokens", False))

    def encode(self, texts: Sequence[str]) -> Encoded:
        """The ids of whole texts without special tokens, on as many threads as `tokenizers` takes."""
        parts, lengths = [np.empty(0, np.int32)], np.empty(len(texts), np.int64)
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            ids = [encoding.ids for encoding in self.backend.encode_batch_fast(batch, add_special_tokens=False)]
            lengths[start : start + len(ids)] = [len(one) for one in ids]
            parts.append(np.fromiter(chain.from_iterable(ids), np.int32))
        return Encoded(np.concatenate(parts), lengths)


def open_tokenizer(name: str) -> Tokenizer:
    """The fast tokenizer that `transformers.AutoTokenizer` finds for a Hub name or a folder; runs no code from there.

    Raises UsageError when transformers is not installed, TokenizerError when there is no such tokenizer, when it is not a fast
    one, or does more than its `tokenizers` backend.
    """
    if not name or Path(name).is_file():
        raise UsageError(
            f"reading --tokenizer {name}",
            found="a file" if name else "an empty name",
            expected="a name on the Hub, or the folder with tokenizer.json",
            remedy="Give the folder that the file lies in" if name else "Leave it out for a dataset without token columns",
        )
    with _quiet():
        loaded = _load(name)
        backend = _backend(name, loaded)
        wanted = [list(loaded(text, add_special_tokens=False)["input_ids"]) for text in _PROBES]
    backend.no_truncation()
    backend.no_padding()
    config = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
    if getattr(loaded, "split_special_tokens", False):  # a setting that is in no tokenizer.json, and gives other ids
        config["split_special_tokens"] = backend.encode_special_tokens = True
    sha256 = sha256_json(config)
    config["model"] |= dict.fromkeys(_LARGE & config["model"].keys())
    tokenizer = Tokenizer(Path(name).resolve().name if Path(name).exists() else name, sha256, config, backend)
    if [tokenizer.encode([text]).ids.tolist() for text in _PROBES] != wanted:
        raise _unusable(name, f"{type(loaded).__name__}, which gives other ids than its own tokenizer.json")
    return tokenizer


def _backend(name: str, loaded: Any) -> "tokenizers.Tokenizer":
    backend: tokenizers.Tokenizer | None = getattr(loaded, "backend_tokenizer", None)
    if backend is None or _is_custom(backend):
        raise _unusable(name, f"{type(loaded).__name__}, which runs in Python")
    if not backend.get_vocab().keys() - {token.content for token in backend.get_added_tokens_decoder().values()}:
        raise _unusable(name, "special tokens alone")  # transformers makes up such a one where it finds no vocabulary
    return backend


def _unusable(name: str, found: str) -> TokenizerError:
    return TokenizerError(
        f"loading the tokenizer {name}",
        found=found,
        expected="a fast tokenizer, which a tokenizer.json describes as a whole",
        remedy="Choose another --tokenizer",
    )


def _load(name: str) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise UsageError(
            f"loading the tokenizer {name}",
            found="no package transformers",
            expected="it installed",
            remedy="Run: pip install 'xlt[tokenize]'",
        ) from error
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False, local_files_only=Path(name).is_dir())
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, _FAILURES):
            raise
        raise _unavailable(name, error) from error


def _unavailable(name: str, error: Exception) -> TokenizerError:
    reason = " ".join(str(error).split())
    reason = reason if len(reason) <= 160 else reason[:160] + " ..."
    if Path(name).exists():
        return TokenizerError(
            f"loading the tokenizer {name}",
            found=f"a path that transformers cannot open as a tokenizer: {reason}",
            expected="a folder with tokenizer.json and tokenizer_config.json",
            remedy="Check the folder",
        )
    return TokenizerError(
        f"loading the tokenizer {name}",
        found=f"no such folder, nothing in the local cache, and nothing that the Hub would give ({reason})",
        expected="a Hub name, or the path of a saved tokenizer",
        remedy=f"Where there is a network, run `hf download {name} --include '*token*' 'config.json'` and copy HF_HOME here, "
        "or give --tokenizer PATH",
    )


def _is_custom(backend: "tokenizers.Tokenizer") -> bool:
    """Whether a step of the backend is written in Python: such steps have the type of the base class."""
    from tokenizers import normalizers, pre_tokenizers

    return type(backend.normalizer) is normalizers.Normalizer or type(backend.pre_tokenizer) is pre_tokenizers.PreTokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers without its advice on standard error, such as that torch is missing; errors are raised all the same."""
    advice = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    before = os.environ.get(advice)
    os.environ[advice] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from _quiet_logging()
    finally:
        if before is None:
            del os.environ[advice]
        else:
            os.environ[advice] = before


def _quiet_logging() -> Iterator[None]:
    try:
        from huggingface_hub.utils import logging as hub
        from transformers.utils import logging
    except ImportError:
        yield
        return
    levels, bars = (logging.get_verbosity(), hub.get_verbosity()), logging.is_progress_bar_enabled()
    logging.set_verbosity(_SILENT)
    hub.set_verbosity(_SILENT)  # its retries, where there is no network
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        if bars:
            logging.enable_progress_bar()
