"""Get a model and its tokenizer, with a head for the training set's labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from xlt_train.errors import ModelError, UsageError
from xlt_train.models.nano import RANDOM, SAMPLED_ROWS, nano_config, nano_tokenizer

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

NANO = "nano"
_HEAD = ("classifier", "pooler", "score", "head", "summary")  # layers that a model without a head gets anew
_LOOKED_AT = 200  # rows whose text shows whether the vocabulary fits
_MOST_UNKNOWN = 0.5  # share of unknown tokens; a vocabulary of the right language has a few percent at most
DEFAULT_MODEL = "bert-base-multilingual-cased"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A classifier, its tokenizer, the head's id of each label, and the Hub's revision where it came from there."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    label_ids: dict[str, int]
    randomly_initialised: bool
    revision: str | None

    @property
    def embeddings(self) -> int:
        """How many token ids the model knows."""
        return len(self.model.get_input_embeddings().weight)  # type: ignore[arg-type]


def load_model(name: str, labels: Sequence[str], max_length: int, texts: Callable[[int], Sequence[str]]) -> LoadedModel:
    """The encoder `name` (Hub name, folder, or `nano`) with a head for `labels`.

    `texts(rows)` gives text of the training set's first rows, for the vocabulary of `nano`. A new head is drawn from torch's
    generator, so seed it before. Raises ModelError when the model cannot be had or has a head for other labels, UsageError
    when it cannot take `max_length` tokens.
    """
    from transformers import AutoModelForSequenceClassification

    label_ids = {label: k for k, label in enumerate(labels)}
    if name == NANO:
        tokenizer = nano_tokenizer(texts(SAMPLED_ROWS), max_length)
        config: PretrainedConfig = nano_config(len(tokenizer), max_length)
        _name_labels(config, label_ids)
        model = AutoModelForSequenceClassification.from_config(config)
    else:
        config, tokenizer = _pretrained(name)
        if _has_head(config):
            label_ids = _head_labels(name, config, labels)
        _name_labels(config, label_ids)
        _check_length(name, config, tokenizer, max_length)
        _check_vocabulary(name, tokenizer, texts(_LOOKED_AT))
        model = _weights(name, config)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        label_ids=label_ids,
        randomly_initialised=is_random(config),
        revision=getattr(config, "_commit_hash", None),
    )


def is_random(config: "PretrainedConfig") -> bool:
    """Whether the model, or the one that it was trained on from, is `nano`."""
    return bool(getattr(config, RANDOM, False))


def _pretrained(name: str) -> "tuple[PretrainedConfig, PreTrainedTokenizerBase]":
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise unavailable(name, error) from error
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"loading the tokenizer of {name}",
            found="no padding token",
            expected="an encoder whose batches can be padded, such as BERT or XLM-R",
            remedy="Choose another --model",
        )
    return config, tokenizer


def _weights(name: str, config: "PretrainedConfig") -> "PreTrainedModel":
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification

    try:
        found = AutoModelForSequenceClassification.from_pretrained(
            name, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise unavailable(name, error) from error
    model: PreTrainedModel = found[0]
    check_complete(name, found[1], new=() if _has_head(config) else _HEAD)
    return model


def check_complete(name: str, loading: Mapping[str, Any], *, new: tuple[str, ...]) -> None:
    """Raises ModelError when weights were missing and drawn at random, but for those of layers named in `new`."""
    missing = sorted(key for key in loading["missing_keys"] if not any(part in key for part in new))
    if missing:
        raise ModelError(
            f"loading the weights of {name}",
            found=f"none for {missing[0]}" + (f" and {len(missing) - 1:,} others" if len(missing) > 1 else ""),
            expected="weights for every layer but a new head",
            remedy="Check that config.json and weights are of the same model",
        )


def unavailable(name: str, error: Exception) -> ModelError:
    """The error for a model that transformers could not load, in one line."""
    reason = " ".join(str(error).split())
    if Path(name).exists():
        return ModelError(
            f"loading the model {name}",
            found=f"a path that transformers cannot open: {_shorten(reason)}",
            expected="a folder with config.json, weights and tokenizer of an encoder for sequence classification",
            remedy="Check the folder",
        )
    return ModelError(
        f"loading the model {name}",
        found=f"no such folder, nothing in the local cache, and nothing that the Hub would give ({_shorten(reason)})",
        expected="a Hub name, or the path of a saved model",
        remedy=f"Where there is a network, run `hf download {name}` and copy HF_HOME here, or give --model PATH; "
        "to try things out without, --model nano",
    )


def _shorten(reason: str) -> str:
    return reason if len(reason) <= 160 else reason[:160] + " ..."


def _has_head(config: "PretrainedConfig") -> bool:
    return any(str(name).endswith("ForSequenceClassification") for name in config.architectures or ())


def _head_labels(name: str, config: "PretrainedConfig", labels: Sequence[str]) -> dict[str, int]:
    """Label -> output of a head that was trained before: by name, or in order where the head has no names of its own."""
    heads = {int(k): str(label) for k, label in (config.id2label or {}).items()}
    unnamed = all(label == f"LABEL_{k}" for k, label in heads.items())
    if unnamed and len(heads) == len(labels):
        return {label: k for k, label in enumerate(labels)}
    if set(heads.values()) != set(labels):
        raise ModelError(
            f"fitting the labels to the head of {name}",
            found=f"a head for {len(heads)} labels: {', '.join(heads[k] for k in sorted(heads))}",
            expected=f"the training set's {len(labels)}: {', '.join(labels)}",
            remedy="Choose a model without a head, or build the dataset with the head's labels (xlt-augment build --labels)",
        )
    return {label: k for k, label in sorted(heads.items())}


def _name_labels(config: "PretrainedConfig", label_ids: dict[str, int]) -> None:
    config.id2label = {k: label for label, k in label_ids.items()}
    config.label2id = dict(label_ids)
    config.problem_type = "single_label_classification"


def _check_vocabulary(name: str, tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> None:
    """transformers makes an empty tokenizer where a folder lacks the files of its own, and says nothing."""
    tokens = [token for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"] for token in ids]
    unknown = sum(token == tokenizer.unk_token_id for token in tokens)
    if unknown > _MOST_UNKNOWN * len(tokens):
        raise ModelError(
            f"tokenising the training set for {name}",
            found=f"{unknown / len(tokens):.0%} unknown tokens among the first {len(tokens):,}",
            expected="a vocabulary that knows the language",
            remedy="Check that the tokenizer's files lie beside the model, or choose another --model",
        )


def _check_length(name: str, config: "PretrainedConfig", tokenizer: Any, max_length: int) -> None:
    positions = getattr(config, "max_position_embeddings", None) or max_length
    if "roberta" in config.model_type:  # its positions count from behind the padding id
        positions -= (config.pad_token_id or 0) + 1
    most = min(positions, tokenizer.model_max_length)
    if max_length > most:
        raise UsageError(
            f"preparing {name} for texts of {max_length} tokens",
            found=f"a model that takes {most}",
            expected=f"--max-length of at most {most}",
            remedy="Choose a smaller --max-length",
        )
