"""What a classifier does not read is left out where that is so, and nowhere else; the model is as before afterwards."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from tests.evaluation.judged import Place, opened
from xlt_train import evaluate
from xlt_train.evaluation.first_token import first_token, reads_first_token


@pytest.fixture(params=["bert", "xlmr"])
def model(request: pytest.FixtureRequest, made: Place) -> Any:
    return opened(getattr(made, request.param))[0]


def _inputs(pads: int = 3) -> dict[str, Tensor]:
    ids, mask = torch.randint(5, 50, (4, 12), generator=torch.Generator().manual_seed(1)), torch.ones(4, 12, dtype=torch.long)
    mask[1, 12 - pads :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def _tokens_seen(model: Any) -> int:
    """Tokens of a row that the last layer's feed-forward net is asked for."""
    seen: list[int] = []
    last = model.base_model.encoder.layer[-1].intermediate
    handle = last.register_forward_hook(lambda module, args, out: seen.append(out.shape[1]))
    with torch.no_grad():
        model(**_inputs())
    handle.remove()
    return seen[0]


def test_the_logits_are_the_same_from_less(model: Any) -> None:
    with torch.no_grad():
        whole = model(**_inputs()).logits
        with first_token(model):
            short = model(**_inputs()).logits
            assert _tokens_seen(model) == 1
        assert torch.allclose(whole, short, atol=1e-5)
        assert reads_first_token(model, _inputs())
        assert torch.equal(model(**_inputs()).logits, whole)
    assert _tokens_seen(model) == 12
    with first_token(model, False):
        assert _tokens_seen(model) == 12


def test_a_model_that_reads_all_tokens_is_found_out(model: Any) -> None:
    head = model.base_model
    usual = head.forward

    def mean(*args: Any, **kwargs: Any) -> Any:
        out = usual(*args, **kwargs)
        out.last_hidden_state = out.last_hidden_state.mean(1, keepdim=True).expand_as(out.last_hidden_state)
        if out.pooler_output is not None:
            out.pooler_output = out.last_hidden_state[:, 0]
        return out

    head.forward = mean
    with torch.no_grad():
        assert not reads_first_token(model, _inputs())


def test_an_encoder_built_otherwise_is_left_alone() -> None:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    model = DistilBertForSequenceClassification(DistilBertConfig(vocab_size=60, dim=32, n_layers=2, n_heads=2, hidden_dim=64))
    with torch.no_grad():
        whole = model.eval()(**_inputs()).logits
        assert not reads_first_token(model, _inputs())
        with first_token(model):
            assert torch.equal(model(**_inputs()).logits, whole)


def test_noise_in_the_last_states_needs_them_all(place: Place) -> None:
    done = evaluate("bert", "tests", rows=(0, 4), smooth=2, epsilon=0.5, depth="final")
    assert all(sum(row["votes"]) == 2 for row in pq.read_table(Path(done.path) / "predictions.parquet").to_pylist())
