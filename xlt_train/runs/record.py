"""`xlt-run.json`: everything needed to repeat a run, and its numbers (docs/format.md). Written last, it proves the rest."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xlt_train.data.pulled import is_provenance
from xlt_train.errors import RunError
from xlt_train.files import pretty_json, sha256_file, write_whole

RUN_FORMAT = "xlt-run/2"
_FIRST_FORMAT = "xlt-run/1"  # of one training set, and no pairs
RECORD_NAME = "xlt-run.json"
_MODEL_ENDINGS = (".safetensors", ".json", ".txt", ".model", ".jinja")
_NOT_THE_MODEL = (RECORD_NAME, "trainer_state.json")
STARTED, CHECKPOINT, FINISHED = "started", "checkpoint", "finished"
# Settings of TrainingArguments that may differ between a run and its continuation: none of them changes the weights.
FREE = frozenset(
    "output_dir resume_from_checkpoint logging_strategy logging_steps logging_first_step log_level log_level_replica "
    "log_on_each_node disable_tqdm report_to run_name project dataloader_num_workers dataloader_pin_memory "
    "dataloader_persistent_workers dataloader_prefetch_factor per_device_eval_batch_size eval_accumulation_steps "
    "save_total_limit push_to_hub hub_model_id hub_strategy hub_private_repo hub_always_push hub_revision "
    "enable_jit_checkpoint skip_memory_metrics ddp_timeout".split()
)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What was trained, on what, how, with what result. `status` is started, checkpoint or finished."""

    format: str = RUN_FORMAT
    status: str
    method: dict[str, Any]  # name, paired, variants (first and last for each training set), and the method's settings
    data: list[dict[str, Any]]  # TrainingSet.provenance of each training set
    text_columns: list[str]
    model: dict[str, Any]  # name, revision, randomly_initialised, parameters, labels, max_length
    dev: dict[str, Any] | None  # file, sha256, rows
    training: dict[str, Any]  # arguments of the Trainer: those that matter most, and all that are not its defaults
    versions: dict[str, str]
    device: str
    results: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)  # file -> sha256, once there are some
    files: dict[str, str] = field(default_factory=dict)  # configuration and tokenizer, likewise

    def at(self, status: str, **results: Any) -> "RunRecord":
        """The same run at another point."""
        return replace(self, status=status, results=self.results | results)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `xlt-run.json`."""
        return asdict(self)

    def write(self, folder: Path) -> None:
        """Put it into a folder, whole or not at all. Raises OSError."""
        write_whole(folder / RECORD_NAME, pretty_json(self.to_json()))

    @classmethod
    def read(cls, folder: Path) -> "RunRecord":
        """The record of a run folder or checkpoint. Raises RunError where there is none."""
        path = folder / RECORD_NAME
        try:
            record = cls(**_in_this_format(json.loads(path.read_bytes())))
            intact = record._has_shape()
        except OSError as error:
            raise RunError(
                f"opening the run {folder}",
                found="no such folder" if not folder.exists() else f"no readable {RECORD_NAME}",
                expected="a folder written by xlt-train fit",
                remedy="Check the path",
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise _no_record(path) from error
        if record.format != RUN_FORMAT:
            raise RunError(f"reading {path}", found=f"the format {record.format}", expected=RUN_FORMAT, remedy="Update xlt")
        if not intact:
            raise _no_record(path)
        return record

    def _has_shape(self) -> bool:
        """Whether what others rely on is there."""
        return (
            {"name", "paired", "variants"} <= self.method.keys()
            and len(self.data) == len(self.method["variants"]) > 0
            and all(isinstance(last, int) and isinstance(first, int) for first, last in self.method["variants"])
            and all({"logical_hash", "manifest_sha256", "recipe", "source", "synonyms"} <= data.keys() for data in self.data)
            and all(data.get("store") is None or is_provenance(data["store"]) for data in self.data)
            and {"name", "labels", "max_length"} <= self.model.keys()
            and (self.status == STARTED or {"randomly_initialised", "revision"} <= self.model.keys())
            and "seed" in self.training
            and (self.status == STARTED or "steps" in self.results)
            and all(Path(name).name == name for name in self.weights | self.files)
        )

    def differences(self, other: "RunRecord") -> list[str]:
        """Settings in which two runs differ, so that one is no continuation of the other."""
        mine, theirs = self.settings(), other.settings()
        return [f"{key} {theirs.get(key)} (now {mine.get(key)})" for key in mine | theirs if mine.get(key) != theirs.get(key)]

    def settings(self) -> dict[str, Any]:
        """All that the weights depend on, as flat keys."""
        model = {f"model.{key}": self.model[key] for key in ("name", "labels", "max_length")}
        training = {key: value for key, value in self.training.items() if key not in FREE}
        method = {f"method.{key}": value for key, value in self.method.items()}
        return {"dataset": [data["logical_hash"] for data in self.data], "dev": self.dev} | method | model | training


def _no_record(path: Path) -> RunError:
    return RunError(f"reading {path}", found="no record of a run", expected="what xlt-train fit wrote", remedy="Train again")


def _in_this_format(body: dict[str, Any]) -> dict[str, Any]:
    """A record as it is written today. Raises what a body of no such shape raises."""
    if body.get("format") != _FIRST_FORMAT:
        return body
    method = body["method"] | {"paired": False, "variants": [body["method"]["variants"]]}
    results = body.get("results", {})
    if "tokens_from" in results:
        results = results | {"tokens_from": [results["tokens_from"]]}
    return body | {"format": RUN_FORMAT, "method": method, "data": [body["data"]], "results": results}


def stored(data: Mapping[str, Any]) -> str:
    """Where a record's training set was pulled from, in words behind others; nothing where it was not, or nobody said."""
    store = data.get("store")
    return f", pulled as {store['reference']} from {store['url']}" if is_provenance(store) else ""


def described(method: Mapping[str, Any]) -> str:
    """What an epoch of a record's method goes through, in words."""
    found = [_described(*ends, paired=method["paired"]) for ends in method["variants"]]
    if len(set(found)) == 1:
        return found[0]
    return ", ".join(f"{what} of set {k}" for k, what in enumerate(found, 1))


def _described(first: int, last: int, *, paired: bool) -> str:
    many = "variant 1" if last == 1 else f"variants 1 to {last}"
    if paired:
        return f"pairs of each original with {many}"
    return "the originals" if last == 0 else many if first else f"the originals and {many}"


def software_versions() -> dict[str, str]:
    """Versions of what trains."""
    found = {"python": platform.python_version()}
    for name in ("xlt", "torch", "transformers", "accelerate", "tokenizers", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a copy of the sources
            found[name] = "not installed"
    return found


def sealed(record: RunRecord, folder: Path) -> RunRecord:
    """The record with the sha256 of all that is needed to open the model in `folder`."""
    names = sorted(p.name for p in folder.iterdir() if p.suffix in _MODEL_ENDINGS and p.name not in _NOT_THE_MODEL)
    hashes = {name: sha256_file(folder / name) for name in names if not name.startswith(".")}
    weights = {name: sha256 for name, sha256 in hashes.items() if name.endswith(".safetensors")}
    return replace(record, weights=weights, files={name: hashes[name] for name in hashes if name not in weights})


def check_sealed(record: RunRecord, folder: Path, remedy: str = "Fetch the run again, or train it again") -> None:
    """Raises RunError, with that remedy, when a model's files are not those that its record was written for."""
    for name, sha256 in (record.weights | record.files).items():
        path = folder / name
        found = sha256_file(path) if path.is_file() else "no such file"
        if found != sha256:
            raise RunError(
                f"checking the {'weights' if name in record.weights else 'model file'} {path}",
                found=found[:12],
                expected=f"sha256 {sha256[:12]}, as the run's record says",
                remedy=remedy,
            )
