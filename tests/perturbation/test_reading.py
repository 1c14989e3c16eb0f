"""Attention and states read on the way are those of eager attention with all outputs, and reading changes nothing."""

from typing import Any

import pytest
import torch

from tests.perturbation.tiny import KINDS, LAYERS, batch_of, gradients, state_of, tiny
from xlt_train.errors import ModelError, UsageError
from xlt_train.perturbation.reading import check_readable, reading

every_kind = pytest.mark.parametrize(("kind", "dimensions"), KINDS)


@every_kind
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("left", [False, True])
def test_what_is_read_is_what_eager_attention_gives(kind: str, dimensions: int, attention: str, left: bool) -> None:
    model, batch = tiny(kind, dimensions, attention=attention).double(), batch_of(kind, left=left)
    layers = tuple(range(1, LAYERS + 1))
    with reading(model, embeddings=True, hidden=layers, heads=layers) as found:
        logits = model(**batch.inputs).logits
    eager = tiny(kind, dimensions, attention="eager").double()
    expected = eager(**batch.inputs, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(logits, expected.logits, rtol=1e-10, atol=1e-12)
    kept = batch.mask
    torch.testing.assert_close(found.embeddings[kept], expected.hidden_states[0][kept], rtol=1e-10, atol=1e-12)
    assert list(found.hidden) == list(found.heads) == list(layers)
    for number in layers:
        torch.testing.assert_close(found.hidden[number][kept], expected.hidden_states[number][kept], rtol=1e-10, atol=1e-12)
        matrix, other = found.heads[number].distribution(), expected.attentions[number - 1]
        rows = kept[:, None, :, None].expand_as(other)
        torch.testing.assert_close(matrix.double()[rows], other[rows], rtol=1e-5, atol=1e-7)
        assert matrix[rows].std() > 0.05  # far from even


@every_kind
def test_reading_changes_nothing_that_is_computed(kind: str, dimensions: int) -> None:
    """Logits, gradients, dropout and random state, to the bit: the layer that is read keeps its fused attention."""
    model, batch = tiny(kind, dimensions, dropout=0.2), batch_of(kind)

    def passed(read: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        torch.manual_seed(5)
        with reading(model, embeddings=read, hidden=(2,) if read else (), heads=(2,) if read else ()):
            logits = model(**batch.inputs).logits
        return logits, gradients(model, logits.square().sum()), torch.get_rng_state()

    (one, slopes, state), (other, slopes_read, state_read) = passed(False), passed(True)
    assert torch.equal(one, other)
    assert torch.equal(state, state_read)
    assert slopes.keys() == slopes_read.keys()
    assert all(torch.equal(slopes[name], slopes_read[name]) for name in slopes)


def test_dropout_is_not_in_the_distribution() -> None:
    model, batch = tiny("bert", dropout=0.3), batch_of("bert")
    with reading(model, heads=(1,)) as found:
        model(**batch.inputs)
    matrix = found.heads[1].distribution()
    torch.testing.assert_close(matrix.sum(-1), torch.ones(matrix.shape[:-1]))
    assert (matrix[0, :, :9, :9] > 0).all()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_no_trace_is_left(attention: str) -> None:
    model, batch = tiny("xlmr", 21, attention=attention), batch_of("xlmr")
    before = state_of(model)
    everything: dict[str, Any] = {"embeddings": True, "hidden": (1, 3), "heads": (1, 2)}
    with reading(model, **everything):
        assert state_of(model) != before
        model(**batch.inputs)
    assert state_of(model) == before
    with pytest.raises(KeyError), reading(model, **everything):
        raise KeyError
    assert state_of(model) == before
    with pytest.raises(UsageError), reading(model, embeddings=True, hidden=(1,), heads=(1, 9)):
        raise AssertionError
    assert state_of(model) == before
    with reading(model, embeddings=True), reading(model, heads=(1,)):
        model(**batch.inputs)
    assert state_of(model) == before
    with pytest.raises(ModelError, match="none in layer 2"), reading(model, heads=(2,)):
        pass  # nothing passed
    assert state_of(model) == before


@pytest.mark.parametrize("training", [False, True])
def test_looking_whether_a_model_is_readable_leaves_no_trace(training: bool) -> None:
    model = tiny("bert", dropout=0.1).train(training)
    model.bert.embeddings.eval()  # modes may differ
    before, state = state_of(model), torch.get_rng_state()
    modes = [part.training for part in model.modules()]
    check_readable(model, hidden=(1,), heads=(1, 3))
    with pytest.raises(UsageError):
        check_readable(model, heads=(4,))
    assert state_of(model) == before
    assert [part.training for part in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("number", [0, 4, -1])
@pytest.mark.parametrize("what", ["hidden", "heads"])
def test_a_layer_that_the_model_lacks_is_refused(number: int, what: str) -> None:
    with pytest.raises(UsageError, match="1 to 3, the layers of this model"):
        check_readable(tiny("bert"), **{what: (number,)})


def test_two_passes_in_one_reading_are_refused() -> None:
    """The second would take the place of the first unseen."""
    model, batch = tiny("bert"), batch_of("bert")
    with reading(model, heads=(1,)):
        model(**batch.inputs)
        with pytest.raises(ModelError, match="attention of a form of its own"):
            model(**batch.inputs)
