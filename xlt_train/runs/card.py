"""`README.md` of a run: a model card with method, dataset hash and numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from xlt_train.models.nano import NOTE
from xlt_train.runs.record import CHECKPOINT, RunRecord, described, stored

_NO_SETTINGS = ("name", "paired", "variants")  # keys of a record's method that are none


def model_card(record: RunRecord, evaluations: Mapping[str, Mapping[str, Any]] = {}) -> str:
    """The card, in Markdown with a YAML head; `evaluations`: results by name (docs/format.md)."""
    model, sources = record.model, " and ".join(data["source"]["name"] for data in record.data)
    lines = [
        *_head(record),
        f"# {record.method['name']} on {_plain(sources)}",
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
    many, model = len(record.data) > 1, record.model
    return [
        ("method", f"`{record.method['name']}`, on {described(record.method)}"),
        ("settings", _listed({name: value for name, value in record.method.items() if name not in _NO_SETTINGS})),
        *(fact for k, data in enumerate(record.data, 1) for fact in _of_set(data, f" {k}" if many else "")),
        ("model", f"{model['name']}" + (f", revision {model['revision']}" if model["revision"] else "")),
        ("texts", f"{', '.join(record.text_columns)}, at most {model['max_length']} tokens"),
        ("training", _listed(record.training)),
        ("made with", ", ".join(f"{key} {value}" for key, value in record.versions.items()) + f", on {record.device}"),
    ]


def _of_set(data: Mapping[str, Any], number: str) -> list[tuple[str, str]]:
    """What is said of one training set; `number`: which of several."""
    source, synonyms = data["source"], data["synonyms"]
    return [
        (f"dataset{number}", f"{source['name']}, {source['rows']:,} rows, logical hash `{data['logical_hash']}`{stored(data)}"),
        (f"recipe{number}", _listed({key: data["recipe"][key] for key in ("method", "p", "m", "seed", "words", "case")})),
        *([(f"synonym set{number}", f"{synonyms['name']}, sha256 `{synonyms['sha256']}`")] if synonyms else []),
    ]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


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
        lines += ["", f"### {_what(evaluation)}", "", *accuracy_table(evaluation)]
    return lines


def _what(evaluation: Mapping[str, Any]) -> str:
    """What was judged, in a heading."""
    rows = "" if evaluation["rows"] is None else f", rows {evaluation['rows'][0]}:{evaluation['rows'][1]}"
    dropped = ", placeholders dropped" if evaluation["placeholders"] == "drop" else ""
    smoothing = evaluation["smoothing"]
    smoothed = f", smoothed by {smoothing['draws']:,} draws, epsilon {smoothing['epsilon']:g}" if smoothing else ""
    return f"{evaluation['split']}{rows}{dropped}{smoothed}"


def accuracy_table(evaluation: Mapping[str, Any]) -> list[str]:
    """Accuracy per language as a Markdown table, and a line about the pairs where all were judged."""
    lines = ["| language | rows | accuracy |", "|---|---:|---:|"]
    for entry in evaluation["languages"]:
        lines.append(f"| {entry['language']} | {entry['rows']:,} | {_number(entry['accuracy'])} |")
    if evaluation["average"] is not None:
        lines.append(f"| average |  | {_number(evaluation['average'])} |")
    if evaluation["average_of_pairs"] is not None:
        pairs = len(evaluation["languages"]) ** 2
        lines += ["", f"Average over all {pairs} pairs of languages: {_number(evaluation['average_of_pairs'])}"]
    return lines


def matrix_table(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Accuracy of every pair of languages as a Markdown table: the first text's language down, the second's across."""
    across = list(dict.fromkeys(cell["language_2"] for cell in cells))
    known = {(cell["language_1"], cell["language_2"]): cell["accuracy"] for cell in cells}
    lines = [f"| text 1, text 2 | {' | '.join(across)} |", "|---|" + "---:|" * len(across)]
    for language in dict.fromkeys(cell["language_1"] for cell in cells):
        lines.append(f"| {language} | {' | '.join(_number(known[language, other]) for other in across)} |")
    return lines


def _plain(text: str) -> str:
    """A name that came with the data, as text and nothing else."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _number(accuracy: float | None) -> str:
    return "no labels" if accuracy is None else f"{accuracy:.4f}"
