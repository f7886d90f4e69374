"""The static table against what torch itself says of the same models."""

import time
from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.nn.utils import prune

from inspector.core.table import Row
from inspector.engine.pytorch.structure import hyperparameters, static_rows, totals_of, type_name
from inspector.engine.pytorch.tensors import tensors_of
from inspector.engine.pytorch.torchvision_operators import install


class Tied(nn.Module):
    """Embedding and head share their weight; one block stands in two places; one weight is a transposed view."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        block = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.stage = nn.Sequential(block, nn.ReLU(), block)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.embedding.weight
        self.alias = nn.Parameter(self.embedding.weight.detach())
        self.turned = nn.Parameter(self.embedding.weight.detach().t())
        self.register_buffer("counter", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("no_bias", None)
        self.register_module("missing", None)


class Awkward(nn.Module):
    """Overrides whatever a careless reader would call."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no attributes here")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __getitem__(self, index: object) -> object:
        raise RuntimeError("no items")

    def __bool__(self) -> bool:
        raise RuntimeError("neither")

    def parameters(self, recurse: bool = True) -> object:
        raise RuntimeError("no parameters")

    def extra_repr(self) -> str:
        raise RuntimeError("no words")


class LastFirst(nn.Sequential):
    """Counts its items from the end."""

    def __getitem__(self, index: object) -> nn.Module:
        assert isinstance(index, int)
        return list(self._modules.values())[-1 - index]


def zoo() -> dict[str, nn.Module]:
    frozen = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    frozen[0].weight.requires_grad_(False)
    half = nn.Sequential(nn.Linear(2, 2).half(), nn.Linear(2, 2, device="meta"))
    spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 3, 3))
    nested = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    orthogonal = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
    pruned = nn.Linear(3, 3)
    prune.l1_unstructured(pruned, "weight", amount=0.5)
    parameters = nn.Module()
    parameters.list = nn.ParameterList([torch.ones(2), torch.ones(3, 2)])
    parameters.dict = nn.ParameterDict({"a b": nn.Parameter(torch.ones(1)), "1": nn.Parameter(torch.ones(2))})
    parameters.modules_by_name = nn.ModuleDict({"relu": nn.PReLU(), "class": nn.LayerNorm(3), "1": nn.Linear(1, 1)})
    odd = nn.Sequential(OrderedDict([("1", nn.Linear(1, 1)), ("0", nn.Linear(1, 2)), ("block 0", nn.Linear(2, 1))]))
    with_gap = nn.Sequential(nn.Linear(1, 1))
    with_gap.add_module("1", None)
    with_gap.add_module("2", nn.Linear(1, 1))
    return {
        "tied": Tied(),
        "tied in DataParallel": nn.DataParallel(Tied()),
        "frozen": frozen,
        "two dtypes and devices": half,
        "parametrized": nn.Sequential(spectral, nested, orthogonal, pruned),
        "parameter containers": parameters,
        "odd names": odd,
        "a gap": with_gap,
        "lazy": nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Linear(2, 2)),
        "awkward": nn.Sequential(Awkward(), nn.Linear(2, 2)),
        "backwards": LastFirst(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)),
        "transformer": nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        "recurrent": nn.Sequential(nn.LSTM(3, 4, 2, bidirectional=True), nn.GRUCell(2, 3)),
        "empty": nn.Module(),
        "a layer": nn.Linear(2, 3),
        "compiled": torch.compile(nn.Sequential(nn.Linear(2, 2))),
        "averaged": torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2)),
    }


ZOO = zoo()


def known(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor for tensor in tensors if not isinstance(tensor, UninitializedTensorMixin)]


def distinct(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Those that differ in storage, offset, shape or stride: the oracle compares each with each."""
    found: list[torch.Tensor] = []
    for tensor in known(tensors):
        same = [
            tensor is other
            or (
                tensor.data_ptr() == other.data_ptr() != 0
                and tensor.shape == other.shape
                and tensor.stride() == other.stride()
            )
            for other in found
        ]
        if not any(same):
            found.append(tensor)
    return found


def modules_by_path(model: nn.Module) -> dict[str, nn.Module]:
    return dict(model.named_modules(remove_duplicate=False))


def own_and_below(module: nn.Module, registry: str) -> list[torch.Tensor]:
    found = []
    for _, each in nn.Module.named_modules(module):
        found += [tensor for tensor in each.__dict__[registry].values() if tensor is not None]
    return found


@pytest.mark.parametrize("name", ZOO)
def test_rows_are_the_named_modules(name: str) -> None:
    rows = static_rows(ZOO[name])
    assert [row.path for row in rows] == list(modules_by_path(ZOO[name]))
    assert [row.index for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("name", ZOO)
def test_counts_are_those_of_the_distinct_tensors_of_each_module(name: str) -> None:
    modules = modules_by_path(ZOO[name])
    for row in static_rows(ZOO[name]):
        parameters = own_and_below(modules[row.path], "_parameters")
        assert row.parameters == sum(tensor.numel() for tensor in distinct(parameters)), row.path
        trainable = [tensor for tensor in parameters if tensor.requires_grad]
        assert row.trainable_parameters == sum(tensor.numel() for tensor in distinct(trainable)), row.path
        buffers = own_and_below(modules[row.path], "_buffers")
        assert row.buffers == sum(tensor.numel() for tensor in distinct(buffers)), row.path
        own = [each for each in modules[row.path].__dict__["_parameters"].values() if each is not None]
        assert row.own_parameters == sum(tensor.numel() for tensor in distinct(own)), row.path
        assert row.lazy == (len(known(parameters + buffers)) < len(parameters + buffers)), row.path


@pytest.mark.parametrize("name", ZOO)
def test_totals_are_those_of_the_root_row(name: str) -> None:
    rows, totals = static_rows(ZOO[name]), totals_of(ZOO[name])
    assert (totals.parameters, totals.trainable_parameters, totals.buffers) == (
        rows[0].parameters,
        rows[0].trainable_parameters,
        rows[0].buffers,
    )
    assert totals.modules == len(set(map(id, modules_by_path(ZOO[name]).values())))
    parameters = distinct(own_and_below(ZOO[name], "_parameters"))
    assert totals.parameter_bytes == sum(tensor.numel() * tensor.element_size() for tensor in parameters)


@pytest.mark.parametrize("name", ZOO)
def test_parents_depths_and_subtrees_agree_with_the_paths(name: str) -> None:
    rows = static_rows(ZOO[name])
    for row in rows:
        below = [other for other in rows if other is row or other.path.startswith(f"{row.path}.") or row.path == ""]
        assert row.subtree == len(below)
        assert [other.index for other in below] == list(range(row.index, row.index + row.subtree))
        if row.parent is not None:
            parent = rows[row.parent]
            assert row.depth == parent.depth + 1
            assert row.path == (f"{parent.path}.{row.name}" if parent.path else row.name)


@pytest.mark.parametrize("name", ZOO)
def test_expressions_reach_the_very_tensors_and_ties_are_mutual(name: str) -> None:
    model = ZOO[name]
    tensors = {tensor.key: tensor for tensor in tensors_of(model)}
    for key, tensor in tensors.items():
        path, _, last = key.rpartition(".")
        owner = modules_by_path(model)[path].__dict__
        expected = owner["_parameters" if tensor.kind == "parameter" else "_buffers"][last]
        assert eval(tensor.expression, {"model": model}) is expected, key
        assert tensor.trainable == (tensor.kind == "parameter" and expected.requires_grad)
        assert all(key in tensors[other].tied_to for other in tensor.tied_to)
        if isinstance(expected, UninitializedTensorMixin):
            assert (tensor.shape, tensor.elements, tensor.bytes, tensor.lazy) == (None, None, None, True)
        else:
            assert (tensor.shape, tensor.elements) == (list(expected.shape), expected.numel())
    if name != "awkward":
        saved = set(model.state_dict())
        assert {key for key, tensor in tensors.items() if tensor.persistent} == saved
        unsaved = set(dict(model.named_buffers(remove_duplicate=False))) - saved
        assert {key for key, tensor in tensors.items() if not tensor.persistent} == unsaved


def by_path(model: nn.Module) -> dict[str, Row]:
    return {row.path: row for row in static_rows(model)}


def test_shared_modules_and_tied_tensors_name_each_other() -> None:
    rows = by_path(ZOO["tied"])
    assert rows["stage.0"].shared_with == ["stage.2"]
    assert rows["stage.2.1"].shared_with == ["stage.0.1"]
    assert rows["head"].shared_with == ["", "embedding"]
    assert rows["stage.1"].shared_with == []
    tied = {tensor.key: tensor.tied_to for tensor in tensors_of(ZOO["tied"])}
    assert tied["head.weight"] == ["alias", "embedding.weight"]
    assert tied["turned"] == []


def test_containers_and_modes_and_kinds() -> None:
    rows = by_path(nn.ModuleDict({"a": nn.ModuleList([nn.Sequential(nn.ReLU()).eval()])}))
    assert [row.container for row in rows.values()] == ["ModuleDict", "ModuleList", "Sequential", ""]
    assert [row.training for row in rows.values()] == [True, True, False, False]
    rows = by_path(ZOO["two dtypes and devices"])
    assert [(row.dtype, row.device) for row in rows.values()] == [
        ("float16, float32", "cpu, meta"),
        ("float16", "cpu"),
        ("float32", "meta"),
    ]
    model = nn.Sequential(nn.BatchNorm1d(2), nn.ReLU())
    assert [(row.dtype, row.device) for row in by_path(model).values()] == [("float32", "cpu")] * 2 + [(None, None)]


def test_hyperparameters_are_the_layers_own_words() -> None:
    assert hyperparameters(nn.Linear(2, 3)) == nn.Linear(2, 3).extra_repr()
    assert hyperparameters(Tied()) == hyperparameters(Awkward()) == hyperparameters(nn.Sequential(nn.ReLU())) == ""
    assert hyperparameters(nn.LazyLinear(3)) == "in_features=?, out_features=3, bias=True"
    assert hyperparameters(nn.MultiheadAttention(8, 2)) == "embed_dim=8, num_heads=2"
    parametrized = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
    assert type_name(parametrized) == "Conv2d"
    assert hyperparameters(parametrized).startswith(nn.Conv2d(3, 4, 3).extra_repr() + " · weight by ")

    class Wordy(nn.Module):
        def extra_repr(self) -> str:
            return ",\n".join(f"width{number}={number}" for number in range(1000))

    assert len(hyperparameters(Wordy())) <= 160
    assert hyperparameters(Wordy()).endswith(",…")
    assert "\n" not in hyperparameters(Wordy())


def test_a_module_inside_itself_ends() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    model[0]._modules["back"] = model
    assert [row.path for row in static_rows(model)] == ["", "0"]


def test_a_module_without_its_constructor_and_scripted_modules_have_rows() -> None:
    class Unfinished(nn.Module):
        def __init__(self) -> None:
            pass

    model = nn.Module()
    model.child = Unfinished()
    assert [row.path for row in static_rows(model)] == ["", "child"]
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert [row.type for row in static_rows(scripted)] == ["Sequential", "Linear", "BatchNorm1d"]
    assert totals_of(scripted).parameters == sum(each.numel() for each in scripted.parameters())
    for tensor in tensors_of(scripted):
        expected = scripted.state_dict(keep_vars=True)[tensor.key]
        assert eval(tensor.expression, {"model": scripted}) is expected


def test_meta_tensors_that_share_a_storage_are_tied() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False, device="meta"), nn.Linear(2, 2, bias=False, device="meta"))
    assert totals_of(model).parameters == 8
    model[1].weight = nn.Parameter(model[0].weight.detach())
    assert totals_of(model).parameters == 4


def test_tensors_of_all_kinds() -> None:
    model = nn.Module()
    model.sparse = nn.Parameter(torch.eye(3).to_sparse())
    model.complex = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    model.nested = nn.Parameter(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]))
    model.register_buffer("quantized", torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8))
    kinds = [(each.key, each.shape, each.elements, each.bytes, each.dtype) for each in tensors_of(model)]
    assert kinds == [
        ("sparse", [3, 3], 9, 36, "float32"),
        ("complex", [2], 2, 16, "complex64"),
        ("nested", None, 5, 20, "float32"),
        ("quantized", [4], 4, 4, "qint8"),
    ]
    assert static_rows(model)[0].parameters == 16
    assert not static_rows(model)[0].lazy


def test_deep_models_have_expressions_that_python_can_read() -> None:
    model = inner = nn.Module()
    for depth in range(600):
        child = nn.Module()
        inner.add_module("a b" if depth % 2 else "ab", child)
        inner = child
    inner.weight = nn.Parameter(torch.ones(1))
    (tensor,) = tensors_of(model)
    assert eval(tensor.expression, {"model": model}) is inner.weight


@pytest.mark.slow
def test_a_hundred_thousand_tensors_take_seconds() -> None:
    def block() -> nn.Module:
        return nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))

    model = nn.Sequential(*[nn.Sequential(*[block() for _ in range(100)]) for _ in range(143)])
    start = time.process_time()
    assert len(tensors_of(model)) == 100_100
    assert len(static_rows(model)) > 40_000
    assert time.process_time() - start < 20


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "googlenet", "vit_b_16", "swin_t", "densenet121"])
def test_torchvision_models(name: str) -> None:
    install()
    from torchvision import models

    with torch.device("meta"):
        model = getattr(models, name)()
    assert [row.path for row in static_rows(model)] == [path for path, _ in model.named_modules(remove_duplicate=False)]
    assert totals_of(model).parameters == sum(each.numel() for each in model.parameters())
    tensors = tensors_of(model)
    assert {each.key for each in tensors if each.persistent} == set(model.state_dict())
    state = model.state_dict(keep_vars=True)
    assert all(eval(each.expression, {"model": model}) is state[each.key] for each in tensors if each.persistent)


# fmt: off
ODD_NAMES = ["block 0", "0", "1", "2", "01", "-1", "weight", "class", "None", "naïve", "ﬁ", "a[0]", 'say "hi"', "it's",
             "back\\slash", "line\nbreak", "٣", "層", "{x}", "[bold]", "module", "_orig_mod", "model", "T_destination"]
# fmt: on
LEAVES = st.sampled_from(["linear", "norm", "relu", "shared"])


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> nn.Module:
    shared = nn.Linear(1, 2)
    return draw(_trees(shared, depth))


@st.composite
def _trees(draw: st.DrawFn, shared: nn.Module, depth: int) -> nn.Module:
    if depth == 0 or draw(st.booleans()):
        return {"linear": nn.Linear(1, 1), "norm": nn.BatchNorm1d(1), "relu": nn.ReLU(), "shared": shared}[draw(LEAVES)]
    module = draw(st.sampled_from([nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Module, LastFirst]))()
    for name in draw(st.lists(st.sampled_from(ODD_NAMES) | st.text(min_size=1, max_size=3), unique=True, max_size=4)):
        if "." not in name and not hasattr(module, name):
            child = draw(_trees(shared, depth - 1) | st.none())
            module.add_module(name, child)
    for name in draw(st.lists(st.sampled_from(ODD_NAMES), unique=True, max_size=2)):
        if not hasattr(module, name):
            module.register_parameter(name, nn.Parameter(torch.ones(2)))
    return module


@settings(max_examples=60, deadline=None)
@given(trees())
def test_any_tree_of_odd_names(model: nn.Module) -> None:
    assert [row.path for row in static_rows(model)] == list(modules_by_path(model))
    assert totals_of(model).parameters == sum(each.numel() for each in model.parameters())
    state = model.state_dict(keep_vars=True)
    tensors = tensors_of(model)
    assert [each.key for each in tensors] == list(state)
    for each in tensors:
        assert eval(each.expression, {"model": model}) is state[each.key]
