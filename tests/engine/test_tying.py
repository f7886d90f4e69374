"""Parameters made one, frozen and unfrozen; undone, bits, ties and flags are as before."""

import pytest
import torch
from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.engine.pytorch.tying import apply_requires_grad, apply_tie


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.again = self.head
        self.other = nn.Linear(4, 5)
        self.register_parameter("codes", nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False))


def tie(where, argument):
    return Edit(action="tie", where=where, argument=argument)


def requires_grad(where, argument):
    return Edit(action="requires_grad", where=where, argument=argument)


def state(model):
    """Every registration with the object there, its bits and its flag."""
    named = list(model.named_parameters(remove_duplicate=False))
    return [(key, id(value), value.detach().numpy().tobytes(), value.requires_grad) for key, value in named]


def test_a_tie_holds_wherever_the_parameter_was_registered_and_undo_parts_them_again():
    model = Tied()
    before = state(model)
    keys, _, undo = apply_tie(model, tie("head.weight", "embed.weight"))
    assert model.head.weight is model.embed.weight
    assert model.again.weight is model.embed.weight
    assert keys == ["head.weight", "again.weight"]
    undo()
    assert state(model) == before


@pytest.mark.parametrize(
    ("where", "argument", "says"),
    [
        ("nowhere", "embed.weight", "'nowhere' is no parameter"),
        ("again.weight", "head.weight", "are one parameter already"),
        ("other.bias", "embed.weight", r"other.bias is 5 float32 on cpu, embed.weight 5×4 float32 on cpu"),
    ],
)
def test_what_cannot_be_one_is_refused_and_nothing_is_changed(where, argument, says):
    model = Tied()
    before = state(model)
    with pytest.raises(RequestError, match=says):
        apply_tie(model, tie(where, argument))
    assert state(model) == before


@pytest.mark.parametrize(
    ("where", "frozen"),
    [
        ("other", {"other.weight", "other.bias"}),
        ("other.bias", {"other.bias"}),
        ("", {"embed.weight", "head.weight", "again.weight", "other.weight", "other.bias"}),
        ("again", {"head.weight", "again.weight"}),
    ],
)
def test_a_key_a_module_or_the_model_is_frozen_and_unfrozen(where, frozen):
    model = Tied()
    before = state(model)
    _, _, undo = apply_requires_grad(model, requires_grad(where, "False"))
    now = {key for key, value in model.named_parameters(remove_duplicate=False) if not value.requires_grad}
    assert now - {"codes"} == frozen
    apply_requires_grad(model, requires_grad(where, "True"))
    assert state(model) == before
    apply_requires_grad(model, requires_grad(where, "False"))
    undo()
    assert state(model) == before


@pytest.mark.parametrize(
    ("where", "argument", "says"),
    [("other", "yes", "neither True nor False"), ("codes", "True", "codes"), ("no.such", "True", "no.such")],
)
def test_what_has_no_gradient_is_refused(where, argument, says):
    with pytest.raises(RequestError, match=says):
        apply_requires_grad(Tied(), requires_grad(where, argument))
