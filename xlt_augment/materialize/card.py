"""README.md of a dataset: the card that the Hub, and people, read."""

import json
from collections.abc import Sequence
from pathlib import Path

from xlt_augment.materialize.dataset import AugmentedDataset
from xlt_augment.materialize.manifest import Manifest
from xlt_augment.materialize.marks import mark_changes, shorten

_LOADING = '```python\nfrom datasets import load_from_disk\n\nrows = load_from_disk("PATH/OF/THIS/FOLDER")\n```'


def dataset_card(
    manifest: Manifest,
    folder: Path,
    text_columns: Sequence[str],
    *,
    data_files: str = "data-*.arrow",
    loading: str = _LOADING,
    facts: Sequence[str] = (),
) -> str:
    """The card of a dataset whose data files lie in `folder` already; `manifest` needs no complete list of files.

    `data_files`: pattern of the files that a viewer is to show; `loading`: how to open them, in Markdown; `facts`: more lines
    ("- name: value") of the recipe.
    """
    recipe, statistics, tokenizer = manifest.recipe, manifest.statistics, manifest.tokenizer
    names = ", ".join(f"`{name}`" for name in text_columns)
    synonyms = f"`{manifest.synonyms['name']}` (sha256 `{manifest.synonyms['sha256']}`)" if manifest.synonyms else "none"
    lines = [
        "---",
        f"pretty_name: {json.dumps(_title(manifest), ensure_ascii=False)}",
        "tags:\n- xlt\n- data-augmentation",
        f"configs:\n- config_name: default\n  data_files: {data_files}",
        "---",
        f"# {_title(manifest)}",
        f"{statistics['source_rows']:,} source rows, each as it was (variant 0) and in {recipe['m']} perturbed variants of "
        f"{names}. Row `source_id * (m + 1) + variant` is a direct address. The texts keep the licence of the source.",
        loading,
        "## Recipe",
        *[f"- {key}: `{json.dumps(value, ensure_ascii=False)}`" for key, value in recipe.items()],
        f"- synonym set: {synonyms}",
        *([f"- tokenizer: `{tokenizer['name']}` (sha256 `{tokenizer['sha256']}`)"] if tokenizer else []),
        f"- source: `{manifest.source['name']}` (content sha256 `{manifest.source['sha256']}`)",
        f"- logical hash: `{manifest.logical_hash}`",
        *facts,
        "## Statistics",
        *[f"- {key.replace('_', ' ')}: {value:,}" for key, value in statistics.items()],
        "## Samples",
        _samples(manifest, folder),
    ]
    return _join(lines)


def _join(lines: Sequence[str]) -> str:
    """Blank lines between blocks, none inside lists nor in the YAML head."""
    end_of_head = lines.index("---", 1)
    text = "\n".join(lines[: end_of_head + 1])
    before = ""
    for line in lines[end_of_head + 1 :]:
        text += "\n" if line.startswith("- ") and before.startswith("- ") else "\n\n"
        text += line
        before = line
    return text + "\n"


def _title(manifest: Manifest) -> str:
    recipe = manifest.recipe
    return f"{manifest.source['name']}, {recipe['m']}-way {recipe['method']} augmentation (p={recipe['p']})"


def _samples(manifest: Manifest, folder: Path) -> str:
    samples = AugmentedDataset(folder, manifest).samples(3)
    if not samples:
        return "No variant differs from its original."
    blocks = []
    for sample in samples:
        for name, before in sample.before.items():
            marked = mark_changes(shorten(before), shorten(sample.after[name]), manifest.recipe["words"])
            blocks.append(f"{name}, source {sample.source_id}, variant {sample.variant}\n  {shorten(before)}\n  {marked}")
    return "```text\n" + "\n".join(blocks).replace("```", "'''") + "\n```"
