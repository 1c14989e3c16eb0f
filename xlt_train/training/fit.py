"""`fit`: from a training set to a run folder, the whole way."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xlt_train.data.encode import Encoder
from xlt_train.data.examples import Examples
from xlt_train.data.padding import Padding
from xlt_train.data.tokens import Ids, ids_of
from xlt_train.data.view import ExampleView, JoinedView, PairView, VariantView
from xlt_train.errors import RunError, UsageError
from xlt_train.files import write_whole
from xlt_train.methods.base import Choice
from xlt_train.methods.registry import method_named
from xlt_train.methods.settings import split_settings
from xlt_train.models.load import DEFAULT_MODEL, LoadedModel, load_model
from xlt_train.runs.card import model_card
from xlt_train.runs.checkpoint import check_architecture, check_unchanged
from xlt_train.runs.folder import RESUME, claimed, is_finished, starting_point, step_of
from xlt_train.runs.record import FINISHED, RunRecord, sealed
from xlt_train.training.compiled import compiling
from xlt_train.training.plan import DevFile, Plan, plan_fit

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from xlt_train.training.trainer import RobustTrainer


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run. `checked`: how the files of each training set were; `existed`: it was finished before."""

    path: Path
    record: RunRecord
    checked: tuple[str, ...]
    existed: bool = False


def fit(
    data: str | Path | Sequence[str | Path],
    *,
    method: str = "baseline",
    model: str = DEFAULT_MODEL,
    variants: int | None = None,
    include_original: bool = False,
    dev: str | Path | None = None,
    dev_rows: tuple[int, int] | None = None,
    columns: Sequence[str] | None = None,
    text_columns: Sequence[str] | None = None,
    label_column: str = "label",
    max_length: int = 128,
    rehash: bool = False,
    **options: Any,
) -> Run:
    """Fine-tune `model` on one or several datasets of `xlt-augment build` and leave a run folder (`output_dir`).

    `variants`: the first so many variants of each row (default all), `include_original`: the original too. `dev`: a file of the
    source language whose accuracy chooses the checkpoint, `dev_rows` a range of it, `columns` its fields where it
    has no header, `text_columns` and `label_column` those of them that stand for the dataset's texts and label.
    `max_length`: tokens of a row. `rehash`: hash the dataset even where a receipt says it is unchanged. `options`: settings of
    the method and any TrainingArguments, by their own names. Raises XltError; see `xlt_train.errors`.
    """
    settings, training = split_settings(method_named(method), options)
    columns_of = {"columns": columns, "text_columns": text_columns, "label_column": label_column}
    plan = plan_fit(
        data,
        method=method,
        model=model,
        choice=Choice(variants, include_original),
        dev=None if dev is None else DevFile(path=dev, rows=dev_rows, columns_of=columns_of),
        max_length=max_length,
        rehash=rehash,
        settings=settings,
        training=training,
    )
    return run_fit(plan)


def run_fit(plan: Plan, say: Callable[[str], object] = lambda note: None) -> Run:
    """Load the model, train, choose the checkpoint, write the run; `say` hears notes on the way. Raises XltError."""
    from transformers import set_seed

    start, resume = time.perf_counter(), _resume(plan.arguments)
    checkpoint = starting_point(plan.folder, plan.record, resume)
    if resume == "true" and is_finished(plan.folder):
        return Run(path=plan.folder, record=RunRecord.read(plan.folder), checked=_checked(plan), existed=True)
    if checkpoint is not None:
        check_unchanged(checkpoint)
    if plan.arguments.dataloader_num_workers:  # or threads of the tokenizer would be lost in the fork, and waited for
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
    set_seed(plan.arguments.seed)  # a new head, or a whole nano, is drawn from it
    loaded = load_model(plan.model, plan.data.label_names, plan.max_length, plan.data.texts)
    if checkpoint is not None:
        check_architecture(checkpoint, loaded.model)
    plan.method.check(loaded.model, loaded.tokenizer)
    ids = _ids(plan, loaded, say)
    record = _with_model(plan.record, loaded)
    record = record.at(record.status, tokens_from=["dataset" if found.from_ids else "texts" for found in ids])
    _wait(plan.arguments)  # until all processes have looked at the folder
    with claimed(plan.folder, record, checkpoint) if plan.arguments.should_save else nullcontext():
        _wait(plan.arguments)
        trainer = _trainer(plan, loaded, ids, record)
        loss = _train(trainer, checkpoint)
    record = record.at(FINISHED, **_results(trainer, checkpoint), train_loss=loss)
    record = _finish(trainer, plan.folder, record, seconds=time.perf_counter() - start)
    return Run(path=plan.folder, record=record, checked=_checked(plan))


def _results(trainer: "RobustTrainer", checkpoint: Path | None) -> dict[str, Any]:
    state = trainer.state
    chosen = state.best_model_checkpoint if trainer.args.load_best_model_at_end else None
    best = None if chosen is None else step_of(Path(chosen))  # best_global_step may have no checkpoint
    return {
        "steps": state.global_step,
        "epochs": state.epoch,
        "best_step": best,
        "dev_accuracy": _dev_accuracy(trainer, best or state.global_step),
        "resumed_from": None if checkpoint is None else checkpoint.name,
    }


def _resume(arguments: "TrainingArguments") -> str | None:
    """None: a new run; "true": go on with the one in the folder; else a checkpoint's path."""
    said = str(arguments.resume_from_checkpoint or "false")
    return {"false": None, "no": None, "0": None, "true": "true", "yes": "true", "1": "true"}.get(said.lower(), said)


def _wait(arguments: "TrainingArguments") -> None:
    if arguments.distributed_state is not None:
        arguments.distributed_state.wait_for_everyone()


def _with_model(record: RunRecord, loaded: LoadedModel) -> RunRecord:
    facts = {
        "revision": loaded.revision,
        "randomly_initialised": loaded.randomly_initialised,
        "parameters": loaded.model.num_parameters(),
    }
    return replace(record, model=record.model | facts)


def _ids(plan: Plan, loaded: LoadedModel, say: Callable[[str], object]) -> list[Ids]:
    """How items of each training set are made; `say` hears why."""
    found = [ids_of(part, loaded.tokenizer, plan.max_length, loaded.embeddings) for part in plan.data.parts]
    for part, ids in zip(plan.data.parts, found):
        if ids.note is not None:
            say(f"{part.path}: {ids.note}")
    return found


def _checked(plan: Plan) -> tuple[str, ...]:
    return tuple(str(part.checked) for part in plan.data.parts)


def _training_view(plan: Plan, label_ids: dict[str, int], ids: Sequence[Ids]) -> VariantView | PairView | JoinedView:
    kind = PairView if plan.method.paired else VariantView
    views: list[VariantView | PairView] = [
        kind(
            part,
            variants,
            of_set.encode,
            [label_ids[name] for name in part.label_names],
            from_ids=of_set.from_ids,
            first_row=row,
        )
        for part, variants, of_set, row in zip(plan.data.parts, plan.variants, ids, plan.data.starts)
    ]
    return views[0] if len(views) == 1 else JoinedView(views, in_bytes=plan.data.tokens is None)


def _trainer(plan: Plan, loaded: LoadedModel, ids: Sequence[Ids], record: RunRecord) -> "RobustTrainer":
    from xlt_train.training.trainer import Accuracy, RobustTrainer

    dev, mixed = plan.dev, plan.arguments.bf16 or plan.arguments.fp16
    try:
        return RobustTrainer(
            method=plan.method,
            record=record,
            model=loaded.model,
            args=plan.arguments,
            train_dataset=_training_view(plan, loaded.label_ids, ids),
            eval_dataset=None if dev is None else _examples(plan, loaded, dev),
            data_collator=Padding(loaded.tokenizer, 8 if mixed else None),
            processing_class=loaded.tokenizer,
            compute_metrics=Accuracy(),
        )
    except (ValueError, ImportError, RuntimeError) as error:
        if _is_memory(error):
            raise _no_room(
                "moving the model to its device", error, "room for the weights", "Choose a smaller --model"
            ) from error
        raise _disagreeing(error) from error


def _examples(plan: Plan, loaded: LoadedModel, dev: Examples) -> ExampleView:
    return ExampleView(dev.texts, Encoder(loaded.tokenizer, plan.max_length), dev.label_ids(loaded.label_ids))


def _disagreeing(error: Exception) -> UsageError:
    return UsageError(
        "setting up the Trainer",
        found=" ".join(str(error).split()).rstrip("."),
        expected="training arguments that go together, and what they need installed",
        remedy="Change or leave out the option that it names",
    )


def _train(trainer: "RobustTrainer", checkpoint: Path | None) -> float | None:
    """Train to the end; the mean loss since the start or the checkpoint, None where that was the end."""
    if checkpoint is not None and step_of(checkpoint) == trainer.args.max_steps:
        trainer.reopen(checkpoint)
        return None
    try:
        with compiling(trainer.args):
            output = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (ImportError, ValueError) as error:
        if trainer.state.global_step > 0:
            raise
        raise _disagreeing(error) from error  # an optimizer that is not installed, a scheduler's wrong setting
    except (RuntimeError, MemoryError) as error:
        if not _is_memory(error):
            raise
        raise _out_of_memory(trainer, error) from error
    if trainer.state.global_step < trainer.state.max_steps:  # --enable_jit_checkpoint, on SIGTERM
        raise RunError(
            f"training {trainer.args.output_dir}",
            found=f"a stop at step {trainer.state.global_step:,}",
            expected=f"{trainer.state.max_steps:,} steps",
            remedy=f"Go on with {RESUME}",
        )
    return float(output.training_loss)


def _is_memory(error: BaseException) -> bool:
    """Whether memory ran out; on a CPU torch says so in words alone."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _out_of_memory(trainer: "RobustTrainer", error: BaseException) -> RunError:
    arguments, passes = trainer.args, trainer.method.passes
    if trainer.model is not None and not trainer.model.training:
        rows, lower = arguments.per_device_eval_batch_size, "Lower --per_device_eval_batch_size, then go on with " + RESUME
        return _no_room("judging on the development set", error, f"room for {rows} rows at once", lower)
    rows = arguments.per_device_train_batch_size
    of_each = f", {passes} for each of the {rows} of a batch" if passes > 1 else ", a batch"
    lower = "Lower --draws, halve" if passes > 1 and not trainer.method.paired else "Halve"
    less = " or ".join(f"--{name}" for name in ("bf16", "activation_checkpointing") if not getattr(arguments, name))
    return _no_room(
        f"training step {trainer.state.global_step + 1:,}",
        error,
        f"room for {rows * passes} rows at once{of_each}",
        f"{lower} --per_device_train_batch_size and double --gradient_accumulation_steps"
        + (f", or add {less}" if less else ""),
    )


def _no_room(doing: str, error: BaseException, expected: str, remedy: str) -> RunError:
    said = str(error)[max(0, str(error).find("DefaultCPUAllocator")) :]  # behind the place in torch's sources
    return RunError(doing, found=" ".join(said.split(". ")[0].split()) or "no memory left", expected=expected, remedy=remedy)


def _dev_accuracy(trainer: "RobustTrainer", step: int) -> float | None:
    """Accuracy on the development set at that step."""
    found = [log["eval_accuracy"] for log in trainer.state.log_history if log["step"] == step and "eval_accuracy" in log]
    return found[-1] if found else None


def _finish(trainer: "RobustTrainer", folder: Path, record: RunRecord, *, seconds: float) -> RunRecord:
    """Write weights, card and, last, the record."""
    from xlt_train.training.trainer import saving

    trainer.save_model(str(folder))
    if trainer.args.should_save:
        with saving(folder):
            record = sealed(record.at(FINISHED, seconds=round(seconds, 2)), folder)
            write_whole(folder / "README.md", model_card(record).encode())
            record.write(folder)
    return record
