"""`README.md` of a run: a model card with method, dataset hash and numbers."""

from collections.abc import Mapping
from typing import Any

from xlt_train.models.nano import NOTE
from xlt_train.runs.record import CHECKPOINT, RunRecord, described


def model_card(record: RunRecord, evaluations: Mapping[str, Mapping[str, Any]] = {}) -> str:
    """The card, in Markdown with a YAML head; `evaluations`: results by name (docs/format.md)."""
    model, data = record.model, record.data
    lines = [
        *_head(record),
        f"# {record.method['name']} on {_plain(data['source']['name'])}",
        "",
        *([f"> **{NOTE[0].upper()}{NOTE[1:]}.**", ""] if model["randomly_initialised"] else []),
        f"A classifier for {', '.join(model['labels'])}, fine-tuned with XLT by the method `{record.method['name']}`. "
        "It opens with plain `AutoModelForSequenceClassification.from_pretrained`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_plain(value)} |" for name, value in _facts(record)),
        "",
        *_numbers(record, evaluations),
    ]
    return "\n".join(lines) + "\n"


def _head(record: RunRecord) -> list[str]:
    base = [] if record.model["revision"] is None else [f"base_model: {record.model['name']}"]
    return [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-classification",
        *base,
        "metrics:",
        "- accuracy",
        "tags:",
        "- xlt",
        "- cross-lingual",
        f"- {record.method['name']}",
        "---",
        "",
    ]


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    data, training = record.data, record.training
    synonyms = data["synonyms"]
    return [
        ("method", f"`{record.method['name']}`, on {described(record.method['variants'])}"),
        ("dataset", f"{data['source']['name']}, {data['source']['rows']:,} rows, logical hash `{data['logical_hash']}`"),
        ("recipe", ", ".join(f"{key}={data['recipe'][key]}" for key in ("method", "p", "m", "seed", "words", "case"))),
        *([("synonym set", f"{synonyms['name']}, sha256 `{synonyms['sha256']}`")] if synonyms else []),
        ("model", f"{record.model['name']}" + (f", revision {record.model['revision']}" if record.model["revision"] else "")),
        ("texts", f"{', '.join(record.text_columns)}, at most {record.model['max_length']} tokens"),
        ("training", ", ".join(f"{key}={value}" for key, value in training.items())),
        ("made with", ", ".join(f"{key} {value}" for key, value in record.versions.items()) + f", on {record.device}"),
    ]


def _numbers(record: RunRecord, evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    results = record.results
    lines = ["## Numbers", ""]
    where = "This checkpoint: step" if record.status == CHECKPOINT else "Steps"
    lines.append(f"{where} {results.get('steps', 0):,}, epochs {results.get('epochs', 0):g}.")
    if record.dev and results.get("dev_accuracy") is not None:
        dev = f"Accuracy on the development set {record.dev['file']}: {results['dev_accuracy']:.4f}"
        lines.append(dev + (f", the best, at step {results['best_step']:,}." if results.get("best_step") else "."))
    elif record.status != CHECKPOINT:
        lines.append("No development set: the weights are those of the last step.")
    for _, evaluation in sorted(evaluations.items()):
        rows = "" if evaluation["rows"] is None else f", rows {evaluation['rows'][0]}:{evaluation['rows'][1]}"
        lines += ["", f"### {evaluation['split']}{rows}", "", *accuracy_table(evaluation)]
    return lines


def accuracy_table(evaluation: Mapping[str, Any]) -> list[str]:
    """Accuracy per language as a Markdown table."""
    lines = ["| language | rows | accuracy |", "|---|---:|---:|"]
    for entry in evaluation["languages"]:
        lines.append(f"| {entry['language']} | {entry['rows']:,} | {_number(entry['accuracy'])} |")
    if evaluation["average"] is not None:
        lines.append(f"| average |  | {_number(evaluation['average'])} |")
    return lines


def _plain(text: str) -> str:
    """A name that came with the data, as text and nothing else."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _number(accuracy: float | None) -> str:
    return "no labels" if accuracy is None else f"{accuracy:.4f}"
