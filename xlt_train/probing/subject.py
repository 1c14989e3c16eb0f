"""What is probed: a run, the model that it was trained from, or any encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.errors import ModelError, RunError, UsageError
from xlt_train.evaluation.result import run_of
from xlt_train.models.load import NANO, check_complete, is_random, unavailable
from xlt_train.models.nano import NOTE
from xlt_train.runs.record import RECORD_NAME, STARTED, RunRecord, check_sealed

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_MAX_LENGTH = 128  # tokens of a text where no run says: what the papers' models take
_TEXTS = ("sentence1", "sentence2")  # of a headerless file, where no run says
_OF_RUN = ("method", "model", "seed", "weights", "identity")
_POOLER = ("pooler",)  # of no use here, and not saved with every model


@dataclass(frozen=True)
class Subject:
    """A name and what is known of it. `kind`: run, base (what a run was trained from) or model; `record`: of a run."""

    kind: str
    name: str
    folder: Path | None  # of the run
    record: RunRecord | None

    @classmethod
    def of(cls, name: str, *, base: bool) -> "Subject":
        """A run folder or checkpoint, the base of one, or a model's name or folder. Raises RunError, UsageError."""
        folder = Path(name)
        if not (folder / RECORD_NAME).is_file():
            if base:
                raise UsageError(
                    f"probing the base of {name}",
                    found="no run",
                    expected="a folder written by xlt-train fit",
                    remedy="Leave out --base to probe a model itself",
                )
            return cls("model", name, None, None)
        record = RunRecord.read(folder)
        if record.status == STARTED:
            raise RunError(
                f"probing {folder}",
                found="a run that was not finished",
                expected="a finished run, or one of its checkpoints",
                remedy="Repeat its xlt-train fit with --resume_from_checkpoint true",
            )
        if base and record.model["name"] == NANO:
            raise ModelError(
                f"probing the base of {folder}",
                found=f"{NANO}, which is made anew for each training set and kept nowhere",
                expected="a model that was saved before",
                remedy="Probe the run itself, or train from a saved model",
            )
        return cls("base" if base else "run", record.model["name"] if base else name, folder, record)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the texts that the run was trained on, else those of XTREME's pairs."""
        return tuple(self.record.text_columns) if self.record else _TEXTS

    @property
    def regions(self) -> tuple[str | None, list[float]]:
        """Norm and radius of the ball that the run's method trained in: (None, []) where it has none."""
        method = self.record.method if self.record and self.kind == "run" else {}
        if method.get("epsilon") is None:
            return None, []
        return str(method.get("norm", "linf")), [float(method["epsilon"])]

    def described(self) -> dict[str, Any]:
        """What `probe.json` says of it."""
        known = {"kind": self.kind, "name": Path(self.name).name if self.kind == "run" else self.name}
        if self.record is None or self.folder is None:
            return known | dict.fromkeys(_OF_RUN)
        run = run_of(self.record, self.folder)
        return known | {key: run[key] for key in _OF_RUN}

    def load(self) -> "Loaded":
        """The encoder without its head, and its tokenizer. Raises RunError for a run that was changed, ModelError for a model
        that cannot be had."""
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer

        source, more = self.name, {}
        if self.record and self.folder and self.kind == "run":
            check_sealed(self.record, self.folder)
            source, more = str(self.folder), {"local_files_only": True, "use_safetensors": True}
        elif self.record and self.record.model.get("revision"):
            more = {"revision": self.record.model["revision"]}
        import torch

        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **more)
            model, loading = AutoModel.from_pretrained(
                source, dtype=torch.float32, trust_remote_code=False, output_loading_info=True, **more
            )
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
            raise unavailable(source, error) from error
        check_complete(source, loading, new=_POOLER)
        if tokenizer.pad_token_id is None:
            raise ModelError(
                f"loading the tokenizer of {source}",
                found="no padding token",
                expected="an encoder whose batches can be padded, such as BERT or XLM-R",
                remedy="Choose another model",
            )
        length = self.record.model["max_length"] if self.record else min(_MAX_LENGTH, _most(model.config, tokenizer))
        return Loaded(model, tokenizer, length, NOTE if is_random(model.config) else None)


@dataclass(frozen=True)
class Loaded:
    """An encoder, its tokenizer, how many tokens a text may have, and a note where its weights were drawn at random."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    max_length: int
    note: str | None


def _most(config: Any, tokenizer: Any) -> int:
    positions = getattr(config, "max_position_embeddings", None) or _MAX_LENGTH
    if "roberta" in config.model_type:  # its positions count from behind the padding id
        positions -= (config.pad_token_id or 0) + 1
    return int(min(positions, tokenizer.model_max_length))
