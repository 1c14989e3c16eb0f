"""`xlt-run.json`: everything needed to repeat a run, and its numbers (docs/format.md). Written last, it proves the rest."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xlt_train.errors import RunError
from xlt_train.files import pretty_json, sha256_file, write_whole

RUN_FORMAT = "xlt-run/1"
RECORD_NAME = "xlt-run.json"
STARTED, CHECKPOINT, FINISHED = "started", "checkpoint", "finished"
# Settings of TrainingArguments that may differ between a run and its continuation: none of them changes the weights.
_FREE = frozenset(
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
    method: dict[str, Any]  # name, variants, and the method's settings
    data: dict[str, Any]  # Manifest.provenance
    text_columns: list[str]
    model: dict[str, Any]  # name, revision, randomly_initialised, parameters, labels, max_length
    dev: dict[str, Any] | None  # file, sha256, rows
    training: dict[str, Any]  # arguments of the Trainer: those that matter most, and all that are not its defaults
    versions: dict[str, str]
    device: str
    results: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)  # file -> sha256, once finished

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
            record = cls(**json.loads(path.read_bytes()))
        except OSError as error:
            raise RunError(
                f"opening the run {folder}",
                found="no such folder" if not folder.exists() else f"no readable {RECORD_NAME}",
                expected="a folder written by xlt-train fit",
                remedy="Check the path",
            ) from error
        except (ValueError, TypeError) as error:
            raise RunError(
                f"reading {path}", found="no record of a run", expected="what xlt-train fit wrote", remedy="Train again"
            ) from error
        if record.format != RUN_FORMAT:
            raise RunError(f"reading {path}", found=f"the format {record.format}", expected=RUN_FORMAT, remedy="Update xlt")
        return record

    def differences(self, other: "RunRecord") -> list[str]:
        """Settings in which two runs differ, so that one is no continuation of the other."""
        mine, theirs = self.settings(), other.settings()
        return [f"{key} {theirs.get(key)} (now {mine.get(key)})" for key in mine | theirs if mine.get(key) != theirs.get(key)]

    def settings(self) -> dict[str, Any]:
        """All that the weights depend on, as flat keys."""
        model = {f"model.{key}": self.model[key] for key in ("name", "labels", "max_length")}
        training = {key: value for key, value in self.training.items() if key not in _FREE}
        method = {f"method.{key}": value for key, value in self.method.items()}
        return {"dataset": self.data["logical_hash"], "dev": self.dev} | method | model | training


def described(variants: Sequence[int]) -> str:
    """First and last variant of each row, in words."""
    first, last = variants
    many = "variant 1" if last == 1 else f"variants 1 to {last}"
    return "the originals" if last == 0 else many if first else f"the originals and {many}"


def software_versions() -> dict[str, str]:
    """Versions of what trains."""
    found = {"python": platform.python_version()}
    for name in ("xlt", "torch", "transformers", "accelerate", "datasets", "tokenizers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a copy of the sources
            found[name] = "not installed"
    return found


def weight_files(folder: Path) -> dict[str, str]:
    """The weights in a folder with their sha256."""
    return {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}


def check_weights(folder: Path, stated: Iterable[tuple[str, str]]) -> None:
    """Raises RunError when a run's weights are not those that it was finished with."""
    for name, sha256 in stated:
        path = folder / name
        found = sha256_file(path) if path.is_file() else "no such file"
        if found != sha256:
            raise RunError(
                f"checking the weights {path}",
                found=found[:12],
                expected=f"sha256 {sha256[:12]}, as the run's record says",
                remedy="Fetch the run again, or train it again",
            )
