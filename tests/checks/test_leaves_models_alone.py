"""Checking changes nothing in the model: bits, modes, gradients and random state."""

from collections.abc import Iterator

import pytest
import torch
from test_corpus import CORPUS

from inspector.checks.running import check_model
from inspector.core.findings import CheckSettings
from inspector.core.recipe import Recipe
from inspector.engine.opening import open_live
from inspector.engine.pytorch.model import TorchModel

FILES = [
    "NN201_mha_faulty",
    "NN601_part_in_eval_faulty",
    "NN602_linear_before_batch_norm_faulty",
    "NN801_plain_tensor_mended",
]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in FILES])
def test_a_check_leaves_the_model_as_it_was(name: str) -> None:
    model = open_live(Recipe(target=str(CORPUS / f"{name}.py")))
    assert isinstance(model, TorchModel)
    module = model.module
    module.train()
    next(module.children()).eval()
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = list(_state(module))
    check_model(model, CheckSettings(), lambda *_: None)
    after = list(_state(module))
    assert [one[0] for one in before] == [one[0] for one in after]
    for (_, old, held), (_, new, still_held) in zip(before, after, strict=True):
        assert held is still_held
        assert torch.equal(old, new)


def _state(module: torch.nn.Module) -> Iterator[tuple[object, torch.Tensor, object]]:
    """What is to be as it was, with the very object that holds it."""
    for key, tensor in module.state_dict(keep_vars=True).items():
        yield key, tensor.detach().clone(), tensor
        yield f"{key} gradient", torch.zeros(()) if tensor.grad is None else tensor.grad.clone(), tensor.grad
    yield [inner.training for inner in module.modules()], torch.get_rng_state(), None
