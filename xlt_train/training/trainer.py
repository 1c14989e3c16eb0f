"""The Trainer with a method's loss, checkpoints that are whole or absent, and each term of the loss in the log."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.utils.data import SequentialSampler
from transformers import EvalPrediction, Trainer, TrainerState
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, rotate_checkpoints

from xlt_train.errors import RunError, XltError
from xlt_train.files import write_whole
from xlt_train.methods.base import Batch, Method
from xlt_train.runs.card import model_card
from xlt_train.runs.folder import RESUME, complete_checkpoints
from xlt_train.runs.record import CHECKPOINT, RunRecord, sealed
from xlt_train.training.sampler import LengthGrouped

_PICKLED = "training_args.bin"  # the Trainer's own copy of its arguments; ours is the record, which is no pickle


class RobustTrainer(Trainer):
    """`transformers.Trainer` whose training loss is `method.loss`; evaluation is the plain loss of the model.

    Every checkpoint carries a model card and, written last, the run's record, without which it does not count.
    """

    loss_is_scaled_for_ga = False  # the loss is a mean over the batch: the Trainer divides by accumulation

    def __init__(self, *, method: Method, record: RunRecord, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method, self.record = method, record
        self.special_ids = special_ids(self.processing_class)
        self.label_smoother = None  # smoothing belongs to the method; evaluation is without
        self.model_accepts_loss_kwargs = False
        self._unproved: Path | None = None  # the run folder, when its newest checkpoint has not been trained on from
        self._terms: dict[str, torch.Tensor] = {}
        self._batches = 0

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """The method's loss in training, the model's own elsewhere."""
        if return_outputs or not model.training:
            found: torch.Tensor | tuple[torch.Tensor, Any] = super().compute_loss(model, inputs, return_outputs)
            return found
        inputs = dict(inputs)
        batch = Batch(
            labels=inputs.pop("labels"),
            rows=inputs.pop("rows"),
            inputs=inputs,
            epoch=int(self.state.epoch or 0),
            seed=self.args.seed,
            special_ids=self.special_ids,
        )
        loss = self.method.loss(model, batch)
        if not torch.isfinite(loss.total):  # the Trainer looks at every loss too, so nothing waits for this
            raise self._diverged({"loss": loss.total} | loss.terms)
        self._rotate()
        for name, value in loss.terms.items():
            self._terms[name] = self._terms.get(name, torch.zeros((), device=value.device)) + value.detach()
        self._batches += 1
        return loss.total

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer."""
        output = super().train(*args, **kwargs)
        self._rotate()
        return output

    def _rotate(self) -> None:
        """Remove older checkpoints, once a step from the newest has shown that it is sound, or the training is over."""
        if self._unproved is not None:
            limit, best = self.args.save_total_limit, self.state.best_model_checkpoint
            rotate_checkpoints(str(self._unproved), save_total_limit=limit, best_model_checkpoint=best, use_mtime=True)
            self._unproved = None

    def _diverged(self, terms: dict[str, torch.Tensor]) -> RunError:
        kept = complete_checkpoints(Path(str(self.args.output_dir)))
        good = kept if self._unproved is None else kept[:-1]
        return RunError(
            f"training step {self.state.global_step + 1:,}",
            found=", ".join(f"{name} {value.item():g}" for name, value in terms.items()),
            expected="a finite loss",
            remedy="Lower --learning_rate"
            + (", or --alpha, whose push has no bound" if "ept" in terms else "")
            + (f"; {good[-1].name} is the last good checkpoint" if good else ""),
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """As the Trainer, but with grouping by length that reads no row for its length."""
        data: Any = self.train_dataset if train_dataset is None else train_dataset
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        return LengthGrouped(
            data.lengths(),
            self.args.train_batch_size * self.args.gradient_accumulation_steps,
            seed=self.args.seed if self.args.data_seed is None else self.args.data_seed,
            epoch=lambda: int(self.state.epoch or 0),  # accelerate's set_epoch does not reach it where several processes go on
        )

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """In order: the Trainer would tokenise all rows once more to group them."""
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def reopen(self, checkpoint: Path) -> None:
        """Take over a checkpoint of the last step, beyond which `train` would go by one."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint is not None:
            self._load_best_model()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the Trainer, with the mean of each term since the last time, over all processes."""
        if "loss" in logs and self._batches:
            means = {name: total / self._batches for name, total in self._terms.items()}
            logs |= {name: float(self.accelerator.reduce(mean, "mean")) for name, mean in means.items()}
            self._terms, self._batches = {}, 0
        super().log(logs, start_time)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        self._check_finite()
        with saving(folder):
            super()._save(output_dir, state_dict)
            (folder / _PICKLED).unlink(missing_ok=True)
            for path in folder.glob("*.safetensors"):  # written for the owner alone, while teams share runs
                path.chmod((folder / "config.json").stat().st_mode)

    def _check_finite(self) -> None:
        """Raises RunError for weights that must not take the place of a good checkpoint."""
        model = self.accelerator.unwrap_model(self.model)
        bad = next((name for name, value in model.named_parameters() if not torch.isfinite(value).all()), None)
        if bad is not None:
            raise RunError(
                f"saving the weights of step {self.state.global_step:,}",
                found=f"numbers in {bad} that are not finite",
                expected="finite weights",
                remedy="Lower --learning_rate; earlier checkpoints are as they were",
            )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # The Trainer would remove older checkpoints before this one has its record.
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        folder = Path(self._get_output_dir(trial=trial), f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
        try:
            with saving(folder):
                super()._save_checkpoint(model, trial)
                self.accelerator.wait_for_everyone()  # each process has its own random states to save
                if self.args.should_save:
                    self._complete(folder)
        finally:
            self.args.save_total_limit = limit
        if self.args.should_save:
            self._unproved = folder.parent

    def _complete(self, folder: Path) -> None:
        """Card and record of a checkpoint that is otherwise whole."""
        now = [entry for entry in self.state.log_history if entry["step"] == self.state.global_step]
        scores = [entry["eval_accuracy"] for entry in now if "eval_accuracy" in entry]
        record = self.record.at(
            CHECKPOINT,
            steps=self.state.global_step,
            epochs=self.state.epoch,
            dev_accuracy=scores[-1] if scores else None,
        )
        write_whole(folder / "README.md", model_card(record).encode())
        sealed(record, folder).write(folder)


def special_ids(tokenizer: Any) -> tuple[int, ...]:
    """Ids of tokens that frame texts, such as [CLS] and [SEP]; not of those that stand for words, [UNK] and [MASK]."""
    words = {tokenizer.unk_token_id, tokenizer.mask_token_id}
    return tuple(sorted(set(tokenizer.all_special_ids) - words))


class Accuracy:
    """Share of rows whose highest logit is the label's; over all batches at once, or batch by batch (--batch_eval_metrics)."""

    def __init__(self) -> None:
        self._right = self._seen = 0

    def __call__(self, prediction: EvalPrediction, compute_result: bool = True) -> dict[str, float]:
        """Count a prediction; the accuracy since the last result, when one is asked for."""
        logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
        right = torch.as_tensor(logits).argmax(-1) == torch.as_tensor(prediction.label_ids)
        self._right, self._seen = self._right + int(right.sum()), self._seen + len(right)
        if not compute_result:
            return {}
        found = {"accuracy": self._right / self._seen}
        self._right = self._seen = 0
        return found


def _is_writing(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a file that could not be written."""
    if error is None or isinstance(error, OSError | SafetensorError):
        return error is not None
    signs = ("inline_container", "PytorchStreamWriter", "iostream", "os error")
    return any(sign in str(error) for sign in signs) or _is_writing(error.__context__)


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turn a full disk or a refused write into a RunError, without a half-written checkpoint."""
    try:
        yield
    except Exception as error:
        if isinstance(error, XltError) or not _is_writing(error):
            raise
        if folder.name.startswith(PREFIX_CHECKPOINT_DIR):
            shutil.rmtree(folder, ignore_errors=True)
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error).splitlines()[0]
        raise RunError(
            f"saving {folder}",
            found=reason,
            expected="room and access",
            remedy=f"Make room, then repeat the command with {RESUME}",
        ) from error
