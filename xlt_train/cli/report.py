"""What `fit` and `evaluate` print."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from xlt_train.evaluation.result import Evaluation, items_line
from xlt_train.evaluation.task import Evaluated
from xlt_train.methods.settings import SETTINGS
from xlt_train.models.nano import NOTE
from xlt_train.runs.record import described, stored
from xlt_train.training.fit import Run
from xlt_train.training.plan import Plan


def quiet() -> None:
    """Leave warnings of the libraries to those who ask (TRANSFORMERS_VERBOSITY); errors are ours to print."""
    import os

    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        logging.set_verbosity_error()
        hub_logging.set_verbosity_error()
    if not sys.stderr.isatty():
        logging.disable_progress_bar()


def begin_fit(plan: Plan) -> None:
    """What is about to happen, on standard error."""
    if plan.arguments.process_index == 0:
        for part in plan.data.parts:
            known = f"{part.pulled}, " if part.pulled else ""
            click.echo(f"{part.path}: {known}{part.checked}", err=True)


def begin_note(plan: Plan, note: str) -> None:
    """What a run says before it trains, on standard error."""
    if plan.arguments.process_index == 0:
        click.echo(note, err=True)


def show_run(run: Run, plan: Plan) -> None:
    """A finished run, for people; only the first of several processes speaks."""
    if plan.arguments.process_index:
        return
    record, results = run.record, run.record.results
    if run.existed:
        _line("run", f"{run.path} is there already, finished with these settings; nothing was done")
    else:
        _line("run", str(run.path))
    _line("method", f"{record.method['name']}: {plan.method.summary}")
    settings = {name: record.method[name] for name in SETTINGS if record.method.get(name) is not None}
    if settings:
        _line("settings", ", ".join(f"{name} {value}" for name, value in settings.items()))
    _show_data(run, plan)
    model, seed = record.model, record.training["seed"]
    _line("model", f"{model['name']}, {model['parameters']:,} parameters, at most {model['max_length']} tokens")
    _line("training", f"{results['steps']:,} steps, {results['epochs']:g} epochs, seed {seed}, {record.device}")
    if results["dev_accuracy"] is None:
        _line("dev", "none: the weights are those of the last step")
    else:
        best = f"best, at step {results['best_step']:,}" if results["best_step"] else "last"
        _line("dev", f"accuracy {results['dev_accuracy']:.4f} on {record.dev['file'] if record.dev else ''} ({best})")
    for name, sha256 in record.weights.items():
        _line("weights", f"{name} sha256 {sha256}")
    _line("time", f"{results['seconds']:.1f} s")
    if record.model["randomly_initialised"]:
        _line("note", NOTE)
    _line("next", f"xlt-train evaluate {shlex.quote(str(run.path))} --test-dir DIR")


def _show_data(run: Run, plan: Plan) -> None:
    method = run.record.method
    for part, variants, ends, checked in zip(plan.data.parts, plan.variants, method["variants"], run.checked):
        manifest, what = part.manifest, described(method | {"variants": [ends]})
        rows = f"{manifest.source_rows * len(variants):,} {'pairs' if method['paired'] else 'rows'} an epoch"
        _line("data", f"{part.path}, {manifest.source_rows:,} rows, {what}: {rows}")
        _line("hash", f"{manifest.logical_hash} ({checked})")
        if part.pulled:
            _line("store", str(part.pulled))


def show_evaluation(done: Evaluated) -> None:
    """Accuracy per language and pair, for people."""
    found = done.evaluation
    run, rows = found.run, "" if found.rows is None else f", rows {found.rows[0]}:{found.rows[1]}"
    click.echo(f"{run['method']['name']}, {run['model']['name']}, on {found.split}{rows}\n")
    click.echo(f"{'language':<10}{'rows':>8}{'accuracy':>12}")
    for entry in found.languages:
        click.echo(f"{entry['language']:<10}{entry['rows']:>8,}{_number(entry['accuracy']):>12}")
    if found.average is not None:
        click.echo(f"{'average':<10}{'':>8}{_number(found.average):>12}")
    click.echo()
    if found.pairs == "all":
        _show_pairs(found)
    bare = [entry["file"] for entry in found.languages if entry["accuracy"] is None]
    if bare:
        click.echo(f"no labels in {', '.join(bare)}: predictions without accuracy", err=True)
    if found.note:
        _line("note", found.note)
    for data in run["data"]:
        _line("data", f"{data['source']['name']}, hash {data['logical_hash']}{stored(data)}")
    _line("seed", str(run["seed"]))
    _line("items", items_line(found.items, found.placeholders))
    if found.smoothing:
        _line("smoothed", ", ".join(f"{key} {value}" for key, value in found.smoothing.items()))
    _line("there" if done.earlier else "written", f"{done.path}: accuracy.json, accuracy.md, predictions.parquet")
    if done.earlier:
        click.echo("judged before; --again judges anew", err=True)


def _show_pairs(found: Evaluation) -> None:
    """Every pair of languages, in percent: the first text's language down, the second's across."""
    across = list(dict.fromkeys(cell["language_2"] for cell in found.cells))
    width = max(6, *(len(language) + 1 for language in across))
    click.echo("percent, text 1 down, text 2 across\n" + " " * width + "".join(f"{language:>{width}}" for language in across))
    for k, language in enumerate(across):
        row = [cell["accuracy"] for cell in found.cells[k * len(across) : (k + 1) * len(across)]]
        cells = ["-" if accuracy is None else f"{100 * accuracy:.1f}" for accuracy in row]
        click.echo(f"{language:<{width}}" + "".join(f"{cell:>{width}}" for cell in cells))
    if found.average_of_pairs is not None:
        click.echo(f"average of all {len(found.cells)} pairs: {_number(found.average_of_pairs)}")
    click.echo()


def _number(accuracy: float | None) -> str:
    return "no labels" if accuracy is None else f"{accuracy:.4f}"


def _line(head: str, text: str) -> None:
    click.echo(f"{head:<10}{text}")


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar over rows on standard error, on a terminal and for work over a second only."""
    from tqdm import tqdm

    with tqdm(unit="row", unit_scale=True, disable=None, delay=1, leave=False, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
