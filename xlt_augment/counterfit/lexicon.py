"""What is known of the words of a language: lemmas, inflected forms, function words, numbers, and which words it has."""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from xlt_augment.canonical import sha256_file
from xlt_augment.counterfit.wordnet import Form, WordNet
from xlt_augment.errors import ConstraintError, UsageError
from xlt_augment.resources import resource

SNOWBALL = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish", "fr": "french",
    "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sv": "swedish",
}  # fmt: skip
_T = TypeVar("_T")
WORD_LISTS = ("de", "en", "ru")  # languages with embedded lists of function words and numbers


@dataclass(frozen=True)
class Lexicon:
    """`function` and `numbers`: closed lists. `lemmas`: a word -> what it may be a form of, itself where nothing is known.

    `forms` and `common_forms`: a word -> its grammatical forms, and those that it often has, None without a source. `known`:
    whether a word is one of the language, None without a source. `made` says where each came from.
    """

    function: frozenset[str]
    numbers: frozenset[str]
    lemmas: Callable[[str], frozenset[str]]
    forms: Callable[[str], frozenset[Form]] | None = None
    common_forms: Callable[[str], frozenset[Form]] | None = None
    known: Callable[[str], bool] | None = None
    made: dict[str, Any] = field(default_factory=dict)


def lexicon(
    language: str,
    wordnet: WordNet | None = None,
    *,
    function_words: str | Path | None = None,
    words: str | Path | None = None,
) -> Lexicon:
    """What can be known of `language` (ISO 639-1): lemmas from `wordnet`, else by nltk's Snowball stemmer; the embedded lists
    of function words and numbers, or `function_words`, a file with a word a line; `words` likewise, all words of the language.

    Raises ConstraintError for a file that cannot be read or is empty.
    """
    language = checked_language(language)
    if wordnet and language != "en":
        raise UsageError(
            "reading --wordnet", found=f"--language {language}", expected="en", remedy="Give pairs from files instead"
        )
    embedded = _embedded(language)
    made: dict[str, Any] = {name: f"embedded, {language}" if embedded[name] else None for name in ("function", "number")}
    function = embedded["function"]
    known: Callable[[str], bool] | None = None
    if function_words:
        listed, made["function"] = _listed(function_words)
        function = frozenset(word.lower() for word in listed)
    if wordnet:
        lemmas: Callable[[str], frozenset[str]] = functools.partial(_wordnet_lemmas, wordnet)
        known, made["lemmas"], made["words"] = functools.partial(_in_wordnet, wordnet), "WordNet", "WordNet"
    else:
        lemmas, made["lemmas"] = _stems(language)
    if words:
        listed, made["words"] = _listed(words)
        known = (listed | {word.lower() for word in listed}).__contains__
    forms, common = (_any_case(wordnet.forms), _any_case(wordnet.common_forms)) if wordnet else (None, None)
    return Lexicon(function, embedded["number"], _any_case(lemmas), forms, common, known, made)


def checked_language(language: str) -> str:
    """The code in lower case without region ("pt-BR" is pt). Raises UsageError for what is no language code."""
    code = re.split("[-_]", language.lower())[0]
    if not re.fullmatch("[a-z]{2,3}", code):
        raise UsageError(
            "reading --language", found=repr(language), expected="a code of ISO 639 such as en", remedy="Name the language so"
        )
    return code


def _any_case(known_of: Callable[[str], frozenset[_T]]) -> Callable[[str], frozenset[_T]]:
    """What is known of a word as written and in lower case, looked up once."""
    return functools.cache(lambda word: known_of(word) if word.islower() else known_of(word) | known_of(word.lower()))


def _wordnet_lemmas(wordnet: WordNet, word: str) -> frozenset[str]:
    return frozenset(form.lemma for form in wordnet.forms(word)) or frozenset((word,))


def _in_wordnet(wordnet: WordNet, word: str) -> bool:
    return any(form.lemma in wordnet.senses for form in wordnet.forms(word))  # senses: names apart


def _stems(language: str) -> tuple[Callable[[str], frozenset[str]], str | None]:
    if language not in SNOWBALL:
        return (lambda word: frozenset((word,))), None
    from nltk.stem.snowball import SnowballStemmer

    stemmer = SnowballStemmer(SNOWBALL[language])

    def stems(word: str) -> frozenset[str]:
        return frozenset(stemmer.stem(form) for form in (word, *(_positives(word) if language == "en" else ())))

    return stems, f"Snowball, {SNOWBALL[language]}"


def _positives(word: str) -> tuple[str, ...]:
    """What an English word in -er or -est may be a degree of; the stemmer leaves those as they are."""
    found = re.fullmatch("(.{2,})(?:er|est)", word)
    if found is None:
        return ()
    bare = found[1]
    return bare, bare + "e", bare[:-1] + "y" if bare.endswith("i") else bare[:-1] if bare[-1] == bare[-2] else bare


def _embedded(language: str) -> dict[str, frozenset[str]]:
    if language not in WORD_LISTS:
        return {"function": frozenset(), "number": frozenset()}
    lists = json.loads(resource(f"words/{language}.json").read_bytes())
    return {name: frozenset(words.split()) for name, words in lists.items()}


def _listed(path: str | Path) -> tuple[frozenset[str], dict[str, Any]]:
    path = Path(path)
    try:
        words = frozenset(path.read_bytes().decode("utf-8-sig").split())
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise _unusable(path, found) from error
    if not words:
        raise _unusable(path, "no word")
    return words, {"name": path.name, "sha256": sha256_file(path), "words": len(words)}


def _unusable(path: Path, found: str) -> ConstraintError:
    return ConstraintError(
        f"reading the words in {path}", found=found, expected="a UTF-8 file with a word a line", remedy="Check path and content"
    )
