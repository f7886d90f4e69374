"""The engine tells the truth about every awkward network of the zoo, and leaves it as it was."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from zoo import ZOO, distinct_elements, executed
from zoo_specimen import Specimen

from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import Recipe, parse_input
from inspector.core.table import ModelTable
from inspector.engine.pytorch.model import TorchModel

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
specimens = pytest.mark.parametrize("name", sorted(ZOO))
expressible = pytest.mark.parametrize("name", sorted(name for name in ZOO if not ZOO[name].other_arguments))


@pytest.fixture(params=["real", pytest.param("meta", marks=pytest.mark.slow)])
def _pass(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes come from a real pass where that is cheap, else from meta tensors; the zoo must stand both."""
    monkeypatch.setattr("inspector.engine.pytorch.passes.is_cheap", lambda *_: request.param == "real")


def opened(name: str) -> TorchModel:
    """The specimen, opened as from the command line."""
    specimen = ZOO[name]
    return TorchModel.open(Recipe(target=specimen.target, inputs=[parse_input(spec) for spec in specimen.specs]))


def traced(live: TorchModel) -> ModelTable:
    """Its table after a shape pass."""
    return live.trace([], lambda *_: None)


def plain(model: nn.Module, specimen: Specimen) -> nn.Module:
    """A copy that has its shapes."""
    if specimen.name != "lazy":
        return copy.deepcopy(model)
    # torch cannot copy buffers that have no shape yet.
    model = specimen.model()
    model(*specimen.arguments())
    return model


# First the oracle itself, against what can be read off the code of the specimens.


def test_the_oracle_counts_calls_of_a_module_and_knows_the_place_of_each() -> None:
    specimen = ZOO["OneModuleTwoParents"]
    calls = executed(specimen.model(), *specimen.arguments()).calls
    assert [(call.place, call.path, call.call) for call in calls] == [
        ("", "", 0),
        ("right", "right", 0), ("right.own", "right.own", 0), ("right.inner", "left.inner", 0),
        ("right", "right", 1), ("right.own", "right.own", 1), ("right.inner", "left.inner", 1),
        ("left", "left", 0), ("left.own", "left.own", 0), ("left.inner", "left.inner", 2),
    ]  # fmt: skip


def test_the_oracle_takes_the_places_in_one_sequential_in_turn() -> None:
    specimen = ZOO["RepeatedInSequential"]
    calls = executed(specimen.model(), *specimen.arguments()).calls
    assert [call.place for call in calls] == ["", "net", "net.0", "net.1", "net.2", "net.3", "net.4"]
    assert [call.call for call in calls if call.path == "net.0"] == [0, 1, 2]


def test_the_oracle_keeps_the_calls_before_a_failure() -> None:
    specimen = ZOO["RaisesInTheMiddle"]
    execution = executed(specimen.model(), *specimen.arguments())
    assert [call.path for call in execution.calls] == ["", "stem", "head", "head.flatten", "head.fit"]
    assert execution.rows() == {("stem", 0): [[2, 4, 8, 8]], ("head.flatten", 0): [[2, 256]]}
    assert isinstance(execution.error, RuntimeError)


@specimens
def test_a_specimen_does_what_it_is_here_for(name: str) -> None:
    specimen = ZOO[name]
    error = executed(specimen.model(), *specimen.arguments()).error
    assert type(error) is (specimen.raises or type(None)), error


# Then the engine against the oracle.


@expressible
@pytest.mark.usefixtures("_pass")
def test_output_shapes_are_those_of_execution(name: str) -> None:
    specimen, live = ZOO[name], opened(name)
    model = plain(live.module, specimen)
    table = traced(live)
    execution = executed(model, *specimen.arguments())
    named = dict(model.named_modules())
    rows = [row for row in table.rows if row.kind == "module" and row.output_shapes]
    # A further place of a module has a row for each call of its parent; what is known is the first.
    shown = {(row.path, row.call): row.output_shapes for row in rows if row.path in named or row.call == 0}
    assert shown == execution.rows()


@specimens
@pytest.mark.usefixtures("_pass")
def test_a_failure_is_reported_where_it_happens(name: str) -> None:
    specimen, table = ZOO[name], traced(opened(name))
    if specimen.raises is None:
        assert table.failure is None
        return
    assert table.failure is not None
    assert table.failure.type == specimen.raises.__name__
    assert table.failure.path == {"RaisesInTheMiddle": "head.fit", "RaisesItsOwn": ""}[name]
    assert table.failure.source is not None
    assert table.failure.source.file.endswith(specimen.file)


@specimens
def test_totals_count_each_tensor_once(name: str) -> None:
    specimen, live = ZOO[name], opened(name)
    model = plain(live.module, specimen)
    if name == "lazy":
        live.forward(ForwardSettings(), lambda *_: None)
    totals = live.table().totals
    assert totals.parameters == distinct_elements(model)
    assert totals.trainable_parameters == sum(
        {id(p): p.numel() for p in model.parameters() if p.requires_grad}.values()
    )
    assert totals.buffers == sum({id(buffer): buffer.numel() for buffer in model.buffers()}.values())
    assert totals.modules == len(list(model.modules()))
    assert live.table().rows[0].parameters == totals.parameters


@specimens
@pytest.mark.usefixtures("_pass")
def test_rows_are_a_tree_in_preorder_with_every_module_in_it(name: str) -> None:
    live = opened(name)
    rows = traced(live).rows
    assert {row.path for row in rows} == {path for path, _ in live.module.named_modules(remove_duplicate=False)}
    for index, row in enumerate(rows):
        assert row.index == index
        assert (row.parent is None) == (index == 0)
        if row.parent is not None:
            parent = rows[row.parent]
            assert row.depth == parent.depth + 1
            assert row.parent < index < row.parent + parent.subtree
            assert index + row.subtree <= row.parent + parent.subtree
    for path in {row.path for row in rows if row.kind == "module"}:
        calls = [row.call for row in rows if row.kind == "module" and row.path == path]
        assert calls == list(range(len(calls)))


@specimens
def test_every_key_has_an_expression_that_reaches_its_tensor(name: str) -> None:
    live = opened(name)
    tensors = {tensor.key: tensor for tensor in live.table().tensors}
    for key, value in live.module.state_dict(keep_vars=True).items():
        assert eval(tensors[key].expression, {"model": live.module}) is value
    assert {explained.key for explained in live.explain([])} >= live.module.state_dict().keys()


@expressible
@pytest.mark.usefixtures("_pass")
def test_looking_changes_nothing(name: str) -> None:
    live = opened(name)
    if name != "lazy":
        live.module.train()
    before = snapshot(live.module)
    random_state = torch.get_rng_state()
    traced(live)
    if name != "lazy":
        live.forward(ForwardSettings(seed=3, backward=ZOO[name].raises is None), lambda *_: None)
    assert torch.equal(torch.get_rng_state(), random_state)
    after = snapshot(live.module)
    assert after.keys() == before.keys()
    for what, value in before.items():
        same = torch.equal(after[what], value) if isinstance(value, torch.Tensor) else after[what] == value
        assert same, what


def snapshot(model: nn.Module) -> dict[str, Any]:
    """All that a look could change: values, gradients, modes, hooks, plain attributes."""
    found: dict[str, Any] = {}
    for key, tensor in [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]:
        is_lazy = nn.parameter.is_lazy(tensor)
        found[f"{key} itself"] = id(tensor)
        found[key] = "lazy" if is_lazy else tensor.detach().clone()
        found[f"{key}.grad"] = None if tensor.grad is None else tensor.grad.clone()
        found[f"{key}.requires_grad"] = tensor.requires_grad
    for path, module in model.named_modules(remove_duplicate=False):
        found[f"{path} hooks"] = (
            len(module._forward_hooks),
            len(module._forward_pre_hooks),
            len(module._backward_hooks),
        )
        for name, value in vars(module).items():
            if isinstance(value, bool | int | float | str | tuple):
                found[f"{path}:{name}"] = value
    return found


@expressible
def test_a_seed_gives_one_result(name: str) -> None:
    live = opened(name)
    first, second = (live.forward(ForwardSettings(seed=5), lambda *_: None) for _ in range(2))
    assert [output.text for output in first.outputs] == [output.text for output in second.outputs]
    assert [run.statistics for run in first.runs] == [run.statistics for run in second.runs]
