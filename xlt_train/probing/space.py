"""A loaded encoder as a place where words have vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from xlt_train.errors import ModelError
from xlt_train.perturbation.anatomy import Anatomy
from xlt_train.perturbation.depth import Site
from xlt_train.probing.settings import Settings
from xlt_train.probing.subject import Loaded
from xlt_train.probing.vectors import Vectors, word_vectors
from xlt_train.probing.words import Sentence, Text, sentences_at, sentences_of


@dataclass(frozen=True)
class Space:
    """Words and their vectors at some depths. `progress` hears of the texts of every batch."""

    loaded: Loaded
    sites: Mapping[str, Site]
    batch_size: int
    progress: Callable[[int], object]

    def words(self, texts: Sequence[Text]) -> list[Sentence]:
        """Texts in words, in their order. Raises ModelError."""
        return sentences_of(self.loaded.tokenizer, texts, self.loaded.max_length)

    def words_at(self, texts: Sequence[Text], spans: Sequence[Sequence[tuple[int, int]]]) -> list[Sentence]:
        """Texts with given words, in their order. Raises ModelError."""
        return sentences_at(self.loaded.tokenizer, texts, spans, self.loaded.max_length)

    def read(self, sentences: Sequence[Sentence]) -> Vectors:
        """One pass for each sentence. Raises ModelError."""
        return word_vectors(
            self.loaded.model,
            self.loaded.tokenizer,
            sentences,
            self.sites,
            batch_size=self.batch_size,
            progress=self.progress,
        )


def sites_of(loaded: Loaded, settings: Settings) -> tuple[Settings, dict[str, Site]]:
    """The settings with the depth that words are aligned at, and where to read. Raises UsageError for a layer that is not
    there, ModelError for a model that is not built so.
    """
    if settings.align_depth == "auto":
        layers = _layers(loaded)
        settings = replace(settings, align_depth=upper_middle(layers) if layers else settings.depths[-1])
    return settings, {depth: Site.of(loaded.model, depth) for depth in settings.all_depths}


def upper_middle(layers: int) -> str:
    """The depth, of so many layers, where words align best: of 12 the output of the 8th in Jalili Sabet et al. 2020, which is
    the input of layer 9.
    """
    return str(2 * layers // 3 + 1)


def _layers(loaded: Loaded) -> int:
    """How many layers are kept in a list, 0 where none are."""
    try:
        parts = Anatomy.of(loaded.model)
    except ModelError:
        return 0
    return parts.depth if parts.layers is not None else 0
