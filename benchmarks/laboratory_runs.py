"""What the laboratory trains and how it judges: one world a seed, one run a method and seed, one accuracy a language.

A world is a split of the task, its datasets of variants, an encoder, and languages, all drawn from its seed. Runs of the
same seed share it, so differences between them are paired.
"""

import shutil
import time
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from simulated import (
    SPECIAL,
    Cipher,
    aligned_rows,
    directions,
    moved,
    read_rows,
    save_encoder,
    split_rows,
    tokenizer_of,
    unrelated_rows,
    vocabulary_of,
    with_rows,
    words_of,
    write_rows,
)

from xlt_augment import Substitute, Swap, SynonymSet, augment, build
from xlt_train import fit
from xlt_train.data.encode import Encoder
from xlt_train.evaluation.predict import predict

MAX_LENGTH = 48
EXAMS = 3  # looks at the development set in a run; the best one is kept
REORDERED = 0.5  # chance of a swap in the language of another word order


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all runs share."""

    source: Path
    synonyms: Path | None
    vectors: Path | None
    dev: int
    test: int
    steps: int
    learning_rate: float
    m: int
    radii: tuple[float, ...]  # how far each word is moved, at the output of the embedding layer
    strengths: tuple[float, ...]  # of the aligned ciphers

    def facts(self) -> dict[str, Any]:
        """For the results: names of files, not where they lie."""
        return {name: value.name if isinstance(value, Path) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training: a method with its settings, and the seed of its world, its order and its dropout."""

    label: str
    method: str
    settings: tuple[tuple[str, Any], ...] = ()
    seed: int = 0

    @property
    def key(self) -> str:
        """Its name among the results."""
        return f"{self.label} / {self.seed}"


def prepare(setup: Setup, work: Path, seed: int) -> Path:
    """Make the world of a seed below `work`, where it is not there yet."""
    world, folder = work / f"seed-{seed}", work / f"part-{seed}"
    if world.exists():
        return world
    shutil.rmtree(folder, ignore_errors=True)  # of a start that was stopped
    folder.mkdir(parents=True)
    split = split_rows(read_rows(setup.source), seed, setup.dev, setup.test)
    source, texts = write_rows(folder / "train.tsv", split.train), len(split.train[0]) - 1
    write_rows(folder / "dev-en.tsv", split.dev)
    write_rows(folder / "test-en.tsv", split.test)
    synonyms = SynonymSet.default() if setup.synonyms is None else SynonymSet.load(setup.synonyms)
    columns = column_names(texts)
    for name, operator in (("synonym", Substitute(synonyms, p="uniform")), ("swap", Swap(p=0.1))):
        out = folder / name
        build(source, operator, m=setup.m, seed=seed, out=out, columns=columns, text_columns=columns[:-1], num_proc=1)
    seen = words_of(split.train)
    near = (neighbor.word.lower() for word in seen if word in synonyms for neighbor in synonyms.neighbors(word))
    others = chain(near, words_of([*split.dev, *split.test]))
    save_encoder(folder / "encoder", vocabulary_of(seen, others, setup.vectors), max_length=MAX_LENGTH, seed=seed)
    return folder.rename(world)


def column_names(texts: int) -> list[str]:
    """Fields of a row: its texts and the label."""
    return [*(f"text{k + 1}" for k in range(texts)), "label"]


def run(setup: Setup, work: Path, job: Job) -> dict[str, Any]:
    """Train, then judge in every language; what goes into the results."""
    world, out = work / f"seed-{job.seed}", work / f"run-{job.key.replace(' ', '').replace('/', '-')}"
    columns, start = column_names(len(read_rows(world / "dev-en.tsv")[0]) - 1), time.process_time()
    each = max(1, setup.steps // EXAMS)
    shutil.rmtree(out, ignore_errors=True)
    done = fit(
        world / ("swap" if job.method == "rs-syntax" else "synonym"),
        method=job.method,
        model=str(world / "encoder"),
        dev=world / "dev-en.tsv",
        columns=columns,
        text_columns=columns[:-1],
        max_length=MAX_LENGTH,
        output_dir=str(out),
        max_steps=setup.steps,
        learning_rate=setup.learning_rate,
        train_sampling_strategy="group_by_length",  # half as much padding
        eval_strategy="steps",
        eval_steps=each,
        save_strategy="steps",
        per_device_eval_batch_size=128,
        seed=job.seed,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **dict(job.settings),
    )
    trained = time.process_time()
    found = judge(setup, world, out, job.seed)
    shutil.rmtree(out)
    seconds = {"training": round(trained - start, 1), "judging": round(time.process_time() - trained, 1)}
    return {
        "method": job.method,
        "settings": dict(job.settings),
        "dev": done.record.results["dev_accuracy"],
        **found,
        **seconds,
    }


def judge(setup: Setup, world: Path, trained: Path, seed: int) -> dict[str, Any]:
    """Accuracy on the test rows in every language: `moved` by radius, `cipher` by strength, English in another order."""
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    rows = read_rows(world / "test-en.tsv")
    texts = [list(column) for column in zip(*rows)][:-1]
    model = AutoModelForSequenceClassification.from_pretrained(trained).eval()
    gold = np.array([model.config.label2id[row[-1]] for row in rows])

    def accuracy(judged: Any, encode: Encoder, columns: list[list[str]]) -> float:
        found = predict(judged, encode, columns, batch_size=128).argmax(1)
        return round(float((found == gold).mean()), 5)

    encode = Encoder(AutoTokenizer.from_pretrained(trained), MAX_LENGTH)
    weight = model.get_input_embeddings().weight
    away, moves = directions(len(weight), weight.shape[1], seed), {}
    for radius in setup.radii:
        with moved(model, away * radius):
            moves[f"{radius:g}"] = accuracy(model, encode, texts)
    swaps = [[found[0] for found in augment(column, Swap(p=REORDERED), m=1, seed=seed)] for column in texts]
    tokens = encode.tokenizer.convert_ids_to_tokens(list(range(len(weight))))
    cipher = Cipher.of(tokens[len(SPECIAL) :], seed)
    translated = [[cipher.translate(text) for text in column] for column in texts]
    longer = Encoder(tokenizer_of([*tokens, *cipher.words.values()], MAX_LENGTH), MAX_LENGTH)
    english = AutoModel.from_pretrained(world / "encoder").get_input_embeddings().weight.detach()[len(SPECIAL) :]
    made = {f"{strength:g}": aligned_rows(english, strength, seed) for strength in setup.strengths}
    made["bare"] = unrelated_rows(english, seed)
    ciphers = {name: accuracy(with_rows(model, rows), longer, translated) for name, rows in made.items()}
    return {"moved": moves, "cipher": ciphers, "reordered": accuracy(model, encode, swaps)}
