"""`xlt-augment synonyms build`."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from xlt_augment.cli.options import Help
from xlt_augment.cli.synonyms import check_target
from xlt_augment.errors import UsageError, VectorError

if TYPE_CHECKING:
    from xlt_augment.counterfit.build import Built, SynonymRecipe
    from xlt_augment.counterfit.constraints import PairList
    from xlt_augment.counterfit.lexicon import Lexicon

_EXAMPLES = """Examples:
xlt-augment synonyms build --vectors vectors.txt.gz --synonym-pairs ppdb.txt --antonym-pairs antonyms.txt --out english.arrow
xlt-augment synonyms build --vectors vectors.txt.gz --wordnet --agreement --evaluate SimLex-999.txt
xlt-augment synonyms build --vectors glove.6B.zip --member glove.6B.300d.txt --wordnet --limit 50000
xlt-augment synonyms build --vectors russian.txt --language ru --synonym-pairs russian-synonyms.txt"""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _path(*names: str, **more: Any) -> Decorator:
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


_vector_options = _together(
    _path("--vectors", required=True, help="Word vectors: GloVe text, word2vec text or binary; also .gz, .bz2, .zst, .zip."),
    click.option(
        "--format",
        type=click.Choice(["auto", "glove", "word2vec", "word2vec-bin"]),
        default="auto",
        show_default=True,
        help="Format of the vectors.",
    ),
    click.option("--member", metavar="NAME", help="Which file of a .zip with several."),
    _path("--vocabulary", help="Take only the words of this file, one a line."),
    click.option("--limit", type=click.IntRange(1), help="Read only the first rows."),
    click.option(
        "--lower",
        is_flag=True,
        help="Put all words in lower case. Of spellings that fall together, the one in lower case stays, else the first.",
    ),
)
_constraint_options = _together(
    _path("--synonym-pairs", multiple=True, help="File with two synonyms a line. Repeatable."),
    _path("--antonym-pairs", multiple=True, help="File with two antonyms a line. Repeatable."),
    click.option("--wordnet", is_flag=True, help="Take pairs, lemmas and parts of speech from WordNet (English)."),
    _path("--wordnet-dir", help="Folder of the WordNet database; implies --wordnet."),
    click.option(
        "--senses", type=click.IntRange(1), default=2, show_default=True, help="Most frequent senses of a word that give pairs."
    ),
    _number("--share", 0.0, "Least share of a sense in the tagged occurrences of a word, for WordNet's pairs."),
    click.option("--inflect/--no-inflect", default=True, show_default=True, help="WordNet's pairs also for inflected forms."),
)
_fit_options = _together(
    _number("--delta", 1.0, "Cosine distance that antonyms are pushed to."),
    _number("--gamma", 0.0, "Cosine distance that synonyms are pulled to."),
    _number("--rho", 0.2, "Pairs nearer than this keep their distance."),
    _number("--k1", 0.1, "Weight of antonym repel."),
    _number("--k2", 0.1, "Weight of synonym attract."),
    _number("--k3", 0.1, "Weight of vector-space preservation."),
    click.option("--steps", type=click.IntRange(0), default=20, show_default=True, help="Steps of counter-fitting."),
)
_neighbor_options = _together(
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
    _path("--function-word-list", help="A file of function words, for a language without a list of ours or in its place."),
    _drop("foreign", True, "Words in another script, single letters, and what WordNet or --word-list does not know."),
    _path("--word-list", help="A file with all words of the language, for --drop-foreign."),
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


@click.command("build", cls=Help, epilog=_EXAMPLES)
@_vector_options
@_constraint_options
@_fit_options
@_neighbor_options
@click.option("--language", default="en", show_default=True, help="Language of the vectors (ISO 639-1), recorded.")
@_path("--evaluate", multiple=True, help="Word similarities (SimLex-999, WordSim-353) to judge the vectors by. Repeatable.")
@_path("--save-vectors", help="Also write the counter-fitted vectors: .txt, .txt.gz or .bin.")
@_path("--out", help="Synonym set to write.  [default: here, named after vectors and hash]")
@click.option("--overwrite", is_flag=True, help="Replace files of these names.")
@click.option("--num-proc", type=click.IntRange(1), help="Threads; the result does not depend on it.  [default: all cores]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build_set(**options: Any) -> None:
    """Make a synonym set: vectors are counter-fitted to pairs of synonyms and antonyms, near words searched and filtered.

    docs/synonyms.md explains each option.
    """
    from xlt_augment.cli.synonyms_report import StepLog, show_built
    from xlt_augment.counterfit.build import build_synonyms
    from xlt_augment.counterfit.lexicon import lexicon
    from xlt_augment.counterfit.wordnet import WordNet
    from xlt_augment.vectors.read import read_vectors
    from xlt_augment.vectors.similarity import read_ratings

    start = time.perf_counter()
    _check_extra()
    _check_outputs(options)
    _check_wordnet_options(options)
    recipe = _recipe(options)
    wordnet = WordNet.open(options["wordnet_dir"]) if options["wordnet"] or options["wordnet_dir"] else None
    pairs = _pairs(options)
    known = lexicon(options["language"], wordnet, function_words=options["function_word_list"], words=options["word_list"])
    for path in options["evaluate"]:
        read_ratings(path)  # its errors before the long work
    _say_missing(known, options["language"])
    with StepLog() as shown, _threads(options["num_proc"]):
        shown.stage("reading vectors")
        vectors = read_vectors(
            options["vectors"], format=options["format"], member=options["member"], vocabulary=options["vocabulary"],
            limit=options["limit"], lower=options["lower"],
        )  # fmt: skip
        _check_recorded(options["vectors"], vectors.made["sha256"])
        built = build_synonyms(
            vectors, known, synonyms=pairs[0], antonyms=pairs[1], wordnet=wordnet, recipe=recipe, ratings=options["evaluate"],
            threads=options["num_proc"], steps=shown,
        )  # fmt: skip
    _say_unused(built)
    target = _write(built, options)
    if options["save_vectors"]:
        built.vectors.save(options["save_vectors"])
    show_built(built, target, time.perf_counter() - start, as_json=options["as_json"])


def _check_extra() -> None:
    for name in ("gensim", "nltk", "scipy", "threadpoolctl"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                "making a synonym set",
                found=f"no package {name}",
                expected="the extra synonyms",
                remedy="Run: pip install '.[synonyms]'",
            )


def _check_outputs(options: dict[str, Any]) -> None:
    """Everything that could go wrong with the targets, before the work."""
    if options["out"]:
        check_target(options["out"], ".arrow", options["overwrite"])
    if options["save_vectors"]:
        check_target(options["save_vectors"], (".txt", ".txt.gz", ".bin"), options["overwrite"])
    inputs = [
        options["vectors"],
        options["vocabulary"],
        *options["synonym_pairs"],
        *options["antonym_pairs"],
        *options["evaluate"],
    ]
    for target in filter(None, (options["out"], options["save_vectors"])):
        if any(Path(path).resolve() == Path(target).resolve() for path in filter(None, inputs)):
            raise UsageError(
                f"writing {target}", found="one of the inputs", expected="another file", remedy="Choose another name"
            )


def _say_missing(known: "Lexicon", language: str) -> None:
    """A note of what the filters do not know of a language."""
    names = {"function": "function words (--function-word-list)", "number": "words for numbers", "lemmas": "lemmas"}
    if lacking := [text for key, text in names.items() if known.made[key] is None]:
        click.echo(
            f"note: nothing is known of the {', '.join(lacking)} of the language {language}; filters pass them", err=True
        )


def _check_wordnet_options(options: dict[str, Any]) -> None:
    """Options that say which pairs WordNet gives have no meaning without it."""
    given = click.get_current_context().get_parameter_source
    for name in ("senses", "share", "inflect"):
        if given(name) == ParameterSource.COMMANDLINE and not (options["wordnet"] or options["wordnet_dir"]):
            raise click.UsageError(f"--{name} says which pairs WordNet gives; add --wordnet, or leave it out.")


def _check_recorded(path: str, sha256: str) -> None:
    """The digest that `fetch-vectors` recorded beside an archive holds ever after."""
    from xlt_augment.vectors.fetch import recorded_sha256

    recorded = recorded_sha256(Path(path))
    if recorded and recorded != sha256:
        raise VectorError(
            f"reading {path}",
            found=f"the sha256 {sha256}",
            expected=f"{recorded}, as recorded in {path}.sha256",
            remedy="Fetch it again",
        )


def _recipe(options: dict[str, Any]) -> "SynonymRecipe":
    from xlt_augment.counterfit.build import SynonymRecipe
    from xlt_augment.counterfit.filters import Filters
    from xlt_augment.counterfit.fit import CounterFit
    from xlt_augment.counterfit.neighbors import Neighborhood

    def chosen(names: str) -> dict[str, Any]:
        return {name: options[name] for name in names.split()}

    dropped = {name: options[f"drop_{name}"] for name in ("numbers", "function_words", "foreign", "antonyms", "same_lemma")}
    return SynonymRecipe(
        counter_fit=CounterFit(**chosen("delta gamma rho k1 k2 k3 steps")),
        neighbors=Neighborhood(**chosen("k threshold metric candidates")),
        filters=Filters(
            **chosen("one_word agreement mutual"),
            **dropped,
            max_rank=options["max_rank"] or None,
            rarity=options["rarity"] or None,
        ),
        **chosen("language senses share inflect"),
    )


def _pairs(options: dict[str, Any]) -> tuple[list["PairList"], list["PairList"]]:
    from xlt_augment.counterfit.constraints import read_pairs

    def read(paths: Sequence[str]) -> list["PairList"]:
        return [read_pairs(path, lower=options["lower"]) for path in paths]

    pairs = read(options["synonym_pairs"]), read(options["antonym_pairs"])
    if not any(pairs) and not (options["wordnet"] or options["wordnet_dir"]):
        click.echo("note: no pairs given: these are the neighbors of the vectors as they are, antonyms among them", err=True)
    return pairs


def _write(built: "Built", options: dict[str, Any]) -> Path:
    """Write what was built. Without --out, a file of the default name is taken as it is when it holds this very set."""
    from xlt_augment.synonyms.synonym_set import SynonymSet

    stem = Path(options["vectors"]).name.split(".")[0] or "synonyms"
    target = Path(options["out"] or f"{stem}-{built.synonyms.sha256[:8]}.arrow")
    if not options["out"] and target.exists() and not options["overwrite"]:
        if SynonymSet.load(target).sha256 == built.synonyms.sha256:
            click.echo(f"note: {target} is there already, and it is this very set", err=True)
            return target
        check_target(str(target), ".arrow", False)
    built.synonyms.save(target)
    return target


def _say_unused(built: "Built") -> None:
    """A note for each file of pairs of which nothing was used."""
    for kind in ("synonyms", "antonyms"):
        for entry in built.synonyms.made["constraints"][kind]:
            if not entry["used"]:
                click.echo(f"note: no pair of {entry['name']} has vectors for both words ({entry['pairs']:,} {kind})", err=True)


def _threads(count: int | None) -> Any:
    """Hold BLAS to so many threads too."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=count)
