"""A probe as a value and as files: `probe.json`, `languages.csv`, `words.parquet` (docs/format.md)."""

import csv
import io
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from xlt_train.errors import RunError
from xlt_train.files import pretty_json, sha256_json
from xlt_train.probing.distances import Distances
from xlt_train.probing.drawing import Dot
from xlt_train.probing.failures import Failures
from xlt_train.probing.ranks import Rank

PROBE_FORMAT = "xlt-probe/1"
PROBE_NAME, TABLE_NAME, WORDS_NAME = "probe.json", "languages.csv", "words.parquet"
_COLUMNS = ("language", "depth", "group", "epsilon", "measure", "value")


@dataclass(frozen=True, kw_only=True)
class AtDepth:
    """Figures of one depth: of all aligned pairs, and of those of the sampled sentences how the translation ranks."""

    distances: Distances
    rank: Rank

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "AtDepth":
        """The value that `asdict` made a dictionary of."""
        return cls(distances=Distances.from_json(body["distances"]), rank=Rank.from_json(body["rank"]))


@dataclass(frozen=True, kw_only=True)
class LanguageProbe:
    """A language against the source: how many texts were compared and how many had to be left out (placeholder, empty), how
    many words they have in the source (`source_words`) and here (`words`), figures by depth, failures where they were asked
    for."""

    language: str
    file: str
    sha256: str
    texts: int
    skipped: int
    source_words: int
    words: int
    depths: dict[str, AtDepth]
    failures: Failures | None

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "LanguageProbe":
        """The value that `asdict` made a dictionary of."""
        depths = {depth: AtDepth.from_json(value) for depth, value in body["depths"].items()}
        failures = body["failures"] and Failures.from_json(body["failures"])
        return cls(**{**{f.name: body[f.name] for f in fields(cls)}, "depths": depths, "failures": failures})


@dataclass(frozen=True, kw_only=True)
class SynonymProbe:
    """Words of a dataset against the synonyms that replaced them; the rank is among all these synonyms."""

    dataset: dict[str, Any]  # name, logical_hash
    pairs: int
    depths: dict[str, AtDepth]

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "SynonymProbe":
        """The value that `asdict` made a dictionary of."""
        depths = {depth: AtDepth.from_json(value) for depth, value in body["depths"].items()}
        return cls(dataset=body["dataset"], pairs=body["pairs"], depths=depths)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was probed, how, and what was found. `settings`: depths, aligner, align_depth, sentences, words, norm, epsilons,
    max_length.
    """

    format: str
    model: dict[str, Any]  # kind (run, base, model), name; of a run method, model, seed, weights, identity
    split: str
    rows: list[int] | None
    columns: dict[str, Any]
    source: dict[str, Any]  # language, file, sha256
    settings: dict[str, Any]
    evaluation: str | None  # name of the evaluation that failures are from
    languages: list[LanguageProbe]
    synonyms: SynonymProbe | None
    notes: list[str]
    device: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """As it stands in `probe.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Probe":
        """The value that `to_json` made a dictionary of. Raises KeyError, TypeError, ValueError for another one."""
        if body["format"] != PROBE_FORMAT:
            raise ValueError(body["format"])
        languages = [LanguageProbe.from_json(value) for value in body["languages"]]
        synonyms = body["synonyms"] and SynonymProbe.from_json(body["synonyms"])
        return cls(**{**{f.name: body[f.name] for f in fields(cls)}, "languages": languages, "synonyms": synonyms})

    @property
    def name(self) -> str:
        """Folder name: the same files, rows and settings give the same one, others another."""
        files = {one.language: one.sha256 for one in self.languages} | {self.source["language"]: self.source["sha256"]}
        more = {"columns": self.columns, "source": self.source["language"], "evaluation": self.evaluation}
        dataset = self.synonyms and self.synonyms.dataset["logical_hash"]
        identity = sha256_json({"files": files, "rows": self.rows, "settings": self.settings, "data": dataset} | more)
        rows = "" if self.rows is None else f"-{self.rows[0]}-{self.rows[1]}"
        return f"{self.split}{rows}{'-base' * (self.model['kind'] == 'base')}-{identity[:8]}"

    def language(self, name: str) -> LanguageProbe:
        """The figures of one language. Raises KeyError."""
        return {one.language: one for one in self.languages}[name]

    def table(self) -> bytes:
        """`languages.csv`: one number a line."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(_COLUMNS)
        lines.writerows(line for line in self._lines() if line[-1] is not None)
        return text.getvalue().encode()

    def _lines(self) -> Iterator[tuple[Any, ...]]:
        epsilons = self.settings["epsilons"]
        for one in self.languages:
            for depth, figures in one.depths.items():
                yield from ((one.language, depth, "all", *line) for line in _of_distances(figures.distances, epsilons))
                yield from (
                    (one.language, depth, "all", "", f"rank_{name}", value) for name, value in asdict(figures.rank).items()
                )
            for group, by_depth in (("failed", one.failures.failed), ("kept", one.failures.kept)) if one.failures else ():
                for depth, found in by_depth.items():
                    yield one.language, depth, group, "", "items", found.items
                    yield from ((one.language, depth, group, *line) for line in _of_distances(found.distances, epsilons))
                    for epsilon, share in zip(epsilons, found.items_inside or ()):
                        yield one.language, depth, group, epsilon, "items_inside", share


def _of_distances(found: Distances, epsilons: Sequence[float]) -> Iterator[tuple[Any, ...]]:
    """(epsilon, measure, value)."""
    yield "", "pairs", found.pairs
    yield "", "euclidean", found.euclidean
    yield from (("", f"euclidean_q{k}", value) for k, value in enumerate(found.quartiles or (), 1))
    yield "", "linf", found.linf
    yield from ((epsilon, "inside", share) for epsilon, share in zip(epsilons, found.inside or ()))


def write_probe(folder: Path, probe: Probe, dots: Sequence[Dot], text_columns: tuple[Sequence[str], Sequence[str]]) -> None:
    """Write the three files beside `folder` and move them there together, in place of an earlier probe.

    `text_columns`: names of the test files' texts, and of the dataset's. Raises OSError.
    """
    beside = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    beside.mkdir(parents=True)
    try:
        (beside / WORDS_NAME).write_bytes(_parquet(dots, text_columns, list(probe.settings["depths"])))
        (beside / TABLE_NAME).write_bytes(probe.table())
        (beside / PROBE_NAME).write_bytes(pretty_json(probe.to_json()))
        if folder.exists():
            aside = folder.with_name(f"{beside.name}-old")
            folder.rename(aside)
            beside.rename(folder)
            shutil.rmtree(aside)
        else:
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _parquet(dots: Sequence[Dot], text_columns: tuple[Sequence[str], Sequence[str]], depths: Sequence[str]) -> bytes:
    """One row for each drawn word and depth."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            **dot._asdict(),
            "column": text_columns[dot.variant is not None][dot.column],
            "depth": depth,
            "vector": dot.vectors[depth].tolist(),
        }
        for depth in depths
        for dot in dots
    ]
    kinds = {
        "word": pa.string(), "language": pa.string(), "kind": pa.string(), "item": pa.int64(), "column": pa.string(),
        "variant": pa.int16(), "position": pa.int32(), "aligned_to": pa.int32(), "depth": pa.string(),
        "vector": pa.list_(pa.float32()),
    }  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, use_dictionary=["word", "language", "kind", "column", "depth"])
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_probe(folder: str | Path) -> Probe:
    """The probe in a folder of `xlt-train probe`. Raises RunError for a folder without one."""
    path = Path(folder) / PROBE_NAME
    try:
        return Probe.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"reading the probe {path}",
            found="no such file" if isinstance(error, OSError) else "no probe of this version",
            expected=f"what xlt-train probe wrote ({PROBE_FORMAT})",
            remedy="Check the path, or probe again",
        ) from error
