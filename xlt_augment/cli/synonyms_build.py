"""`xlt-augment synonyms build`."""

import importlib.util
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from xlt_augment.cli.options import Help, engine_options
from xlt_augment.cli.synonyms import check_target
from xlt_augment.cli.synonyms_build_options import (
    a_path,
    constraint_options,
    fit_options,
    neighbor_options,
    vector_options,
)
from xlt_augment.errors import UsageError, VectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from xlt_augment.counterfit.build import Built, SynonymRecipe
    from xlt_augment.counterfit.constraints import PairList
    from xlt_augment.counterfit.lexicon import Lexicon
    from xlt_augment.counterfit.search import Nearest

_EXAMPLES = """Examples:
xlt-augment synonyms build --vectors vectors.txt.gz --synonym-pairs ppdb.txt --antonym-pairs antonyms.txt --out english.arrow
xlt-augment synonyms build --vectors vectors.txt.gz --wordnet --agreement --evaluate SimLex-999.txt
xlt-augment synonyms build --vectors glove.6B.zip --member glove.6B.300d.txt --wordnet --limit 50000
xlt-augment synonyms build --vectors russian.txt --language ru --synonym-pairs russian-synonyms.txt"""


@click.command("build", cls=Help, epilog=_EXAMPLES)
@vector_options
@constraint_options
@fit_options
@neighbor_options
@click.option("--language", default="en", show_default=True, help="Language of the vectors (ISO 639-1), recorded.")
@a_path("--evaluate", multiple=True, help="Word similarities (SimLex-999, WordSim-353) to judge the vectors by. Repeatable.")
@a_path("--save-vectors", help="Also write the counter-fitted vectors: .txt, .txt.gz or .bin.")
@a_path("--out", help="Synonym set to write.  [default: here, named after vectors and hash]")
@click.option("--overwrite", is_flag=True, help="Replace files of these names.")
@click.option("--num-proc", type=click.IntRange(1), help="Threads; the result does not depend on it.  [default: all cores]")
@engine_options("one for each 2,048 words, at most 4,096")
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
    with _search(options) as search, StepLog() as shown, _threads(options["num_proc"]):
        shown.stage("reading vectors")
        vectors = read_vectors(
            options["vectors"], format=options["format"], member=options["member"], vocabulary=options["vocabulary"],
            limit=options["limit"], lower=options["lower"],
        )  # fmt: skip
        _check_recorded(options["vectors"], vectors.made["sha256"])
        built = build_synonyms(
            vectors, known, synonyms=pairs[0], antonyms=pairs[1], wordnet=wordnet, recipe=recipe, ratings=options["evaluate"],
            threads=options["num_proc"], steps=shown, search=search,
        )  # fmt: skip
    _say_unused(built)
    target = _write(built, options)
    if options["save_vectors"]:
        built.vectors.save(options["save_vectors"])
    show_built(built, target, time.perf_counter() - start, as_json=options["as_json"])


@contextmanager
def _search(options: dict[str, Any]) -> "Iterator[Callable[..., Nearest]]":
    """The search for neighbors that --engine names, ready to work."""
    from xlt_augment.cluster import connected, refuse_ray_options
    from xlt_augment.counterfit.search import nearest

    if options["engine"] == "local":
        refuse_ray_options(ray_address=options["ray_address"], blocks=options["blocks"])
        yield nearest
        return
    from xlt_augment.counterfit.spread import SpreadSearch

    with connected(options["ray_address"]) as cluster:
        yield SpreadSearch(cluster, options["blocks"])


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
