"""The many options of `xlt-augment synonyms build`, in groups."""

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def a_path(*names: str, **more: Any) -> Decorator:
    """An option that is a path."""
    return click.option(*names, type=click.Path(), **more)


def _number(name: str, default: float, help: str) -> Decorator:
    return click.option(name, type=float, default=default, show_default=True, help=help)


def _drop(name: str, default: bool, help: str) -> Decorator:
    return click.option(f"--drop-{name}/--keep-{name}", default=default, show_default=True, help=help)


def _together(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return apply


vector_options = _together(
    a_path("--vectors", required=True, help="Word vectors: GloVe text, word2vec text or binary; also .gz, .bz2, .zst, .zip."),
    click.option(
        "--format",
        type=click.Choice(["auto", "glove", "word2vec", "word2vec-bin"]),
        default="auto",
        show_default=True,
        help="Format of the vectors.",
    ),
    click.option("--member", metavar="NAME", help="Which file of a .zip with several."),
    a_path("--vocabulary", help="Take only the words of this file, one a line."),
    click.option("--limit", type=click.IntRange(1), help="Read only the first rows."),
    click.option(
        "--lower",
        is_flag=True,
        help="Put all words in lower case. Of spellings that fall together, the one in lower case stays, else the first.",
    ),
)
constraint_options = _together(
    a_path("--synonym-pairs", multiple=True, help="File with two synonyms a line. Repeatable."),
    a_path("--antonym-pairs", multiple=True, help="File with two antonyms a line. Repeatable."),
    click.option("--wordnet", is_flag=True, help="Take pairs, lemmas and parts of speech from WordNet (English)."),
    a_path("--wordnet-dir", help="Folder of the WordNet database; implies --wordnet."),
    click.option(
        "--senses", type=click.IntRange(1), default=2, show_default=True, help="Most frequent senses of a word that give pairs."
    ),
    _number("--share", 0.0, "Least share of a sense in the tagged occurrences of a word, for WordNet's pairs."),
    click.option("--inflect/--no-inflect", default=True, show_default=True, help="WordNet's pairs also for inflected forms."),
)
fit_options = _together(
    _number("--delta", 1.0, "Cosine distance that antonyms are pushed to."),
    _number("--gamma", 0.0, "Cosine distance that synonyms are pulled to."),
    _number("--rho", 0.2, "Pairs nearer than this keep their distance."),
    _number("--k1", 0.1, "Weight of antonym repel."),
    _number("--k2", 0.1, "Weight of synonym attract."),
    _number("--k3", 0.1, "Weight of vector-space preservation."),
    click.option("--steps", type=click.IntRange(0), default=20, show_default=True, help="Steps of counter-fitting."),
)
neighbor_options = _together(
    click.option("--k", type=click.IntRange(1), default=8, show_default=True, help="Most neighbors of a word."),
    click.option("--threshold", type=float, help="Greatest distance of a neighbor.  [default: 0.2; for euclidean 0.632]"),
    click.option(
        "--metric", type=click.Choice(["cosine", "euclidean"]), default="cosine", show_default=True, help="Which distance."
    ),
    click.option("--candidates", type=click.IntRange(1), help="Nearest words that the pair filters see.  [default: 4 k]"),
    click.option("--one-word/--any-token", default=True, show_default=True, help="Only entries that are one word."),
    click.option(
        "--max-rank", type=click.IntRange(0), default=50_000, show_default=True, help="Only so many first rows; 0: all."
    ),
    _drop("numbers", True, "Digits, and the language's words for numbers, days and months."),
    _drop("function-words", True, "The language's function words."),
    a_path("--function-word-list", help="A file of function words, for a language without a list of ours or in its place."),
    _drop("foreign", True, "Words in another script, single letters, and what WordNet or --word-list does not know."),
    a_path("--word-list", help="A file with all words of the language, for --drop-foreign."),
    _drop("antonyms", True, "Pairs of antonyms, and of their inflected forms."),
    _drop("same-lemma", True, "Pairs of forms of one lemma."),
    click.option(
        "--agreement/--no-agreement",
        default=False,
        show_default=True,
        help="Only neighbors that can stand in each usual part of speech and form of the word (with WordNet).",
    ),
    click.option(
        "--rarity",
        type=click.FloatRange(0),
        default=0,
        show_default=True,
        help="How many times further down the vectors file than its word a neighbor may stand; 0: any.",
    ),
    click.option("--mutual/--one-way", default=False, show_default=True, help="Only pairs that are neighbors of each other."),
)
