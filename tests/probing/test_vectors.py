"""Word vectors against transformers' own hidden states, one text at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.probing.made import MAX_LENGTH, opened, save_model, sentences
from xlt_train.errors import ModelError
from xlt_train.perturbation.depth import Site
from xlt_train.probing.vectors import noting, word_vectors
from xlt_train.probing.words import Text, sentences_of

DEPTHS = ("word-embeddings", "embeddings", "1", "2", "3", "final")


def plainly(model: Any, inputs: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """States [T, D] by depth, from what transformers gives out."""
    tensors = {name: torch.tensor([values]) for name, values in inputs.items()}
    with torch.no_grad():
        states = model.base_model(**tensors, output_hidden_states=True).hidden_states
        found = {"word-embeddings": model.get_input_embeddings()(tensors["input_ids"]), "embeddings": states[0]}
    return {k: v[0] for k, v in (found | {"1": states[0], "2": states[1], "3": states[2], "final": states[3]}).items()}


@pytest.mark.parametrize(
    ("kind", "side"), [("bert", "right"), ("xlmr", "right"), ("roberta", "right"), ("xlmr", "left")]
)  # BERT's positions count from the first token, padding or not
def test_vectors_are_means_of_the_states_of_a_words_tokens(kind: str, side: str, tmp_path: Path) -> None:
    model, tokenizer = opened(save_model(tmp_path, kind))
    tokenizer.padding_side = side
    texts = [Text(k, 0, row[0]) for name in ("en", "zh") for k, row in enumerate(sentences(name, 8))]
    texts += [Text(9, 0, "..."), Text(10, 0, "boatpaint harbourmen two")]
    cut, sites = sentences_of(tokenizer, texts, MAX_LENGTH), {depth: Site.of(model, depth) for depth in DEPTHS}
    found = word_vectors(model.base_model, tokenizer, cut, sites, batch_size=3)
    assert found.starts[-1] == sum(len(one.words) for one in cut)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    several = 0
    for k, one in enumerate(cut):
        states = plainly(model, one.inputs)
        owned = [[t for t, owner in enumerate(one.owners) if owner == w] for w in range(len(one.words))]
        several += any(len(tokens) > 1 for tokens in owned)
        for depth in DEPTHS if owned else ():
            expected = torch.stack([sum(states[depth][t] for t in tokens) / len(tokens) for tokens in owned])
            rows = slice(found.starts[k], found.starts[k + 1])
            np.testing.assert_allclose(found.by_depth[depth][rows], expected, rtol=1e-4, atol=1e-5)
    assert several


def test_every_text_passes_once_and_progress_hears_of_all(tmp_path: Path) -> None:
    model, tokenizer = opened(save_model(tmp_path, "bert"))
    cut = sentences_of(tokenizer, [Text(k, 0, row[0]) for k, row in enumerate(sentences("en", 10))], MAX_LENGTH)
    seen: list[int] = []
    passed: list[int] = []
    model.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: passed.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    word_vectors(model.base_model, tokenizer, cut, {"final": Site.of(model, "final")}, batch_size=4, progress=seen.append)
    assert seen == passed == [4, 4, 2]
    empty = word_vectors(model.base_model, tokenizer, [], {"final": Site.of(model, "final")}, batch_size=4)
    assert (empty.starts.tolist(), empty.by_depth["final"].shape) == ([0], (0, 16))


def test_a_depth_that_no_pass_meets_and_states_of_other_length_are_errors(tmp_path: Path) -> None:
    model, tokenizer = opened(save_model(tmp_path, "bert"))
    head = Site(model.classifier, 3)
    cut = sentences_of(tokenizer, [Text(0, 0, "the old boat")], MAX_LENGTH)
    with pytest.raises(ModelError, match="no pass that went through depth head"):
        word_vectors(model.base_model, tokenizer, cut, {"head": head}, batch_size=4)
    with pytest.raises(ModelError, match="states of shape"):
        word_vectors(model, tokenizer, cut, {"head": Site(model.base_model.pooler, 16)}, batch_size=4)
    with pytest.raises(RuntimeError, match="mine"), noting({"head": head}):
        raise RuntimeError("mine")
    assert not model.classifier._forward_hooks
