"""Explained keys: each part's kind, what torch stands behind it, and expressions that reach the very tensor."""

import re
import types
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from inspector.core.errors import RequestError
from inspector.core.key_spelling import plain, wrapped_paths, wrapped_paths_of_keys
from inspector.core.results import KeyExplanation
from inspector.engine.pytorch.naming import explain_keys
from inspector.engine.pytorch.structure import static_rows
from inspector.engine.pytorch.torchvision_operators import install

KINDS = {"wrapper", "attribute", "index", "name", "parameter", "buffer"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("block 0", nn.Sequential(nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6)))
        self.module = nn.Linear(6, 4)
        self.blocks = nn.ModuleList([nn.PReLU()])
        self.by_name = nn.ModuleDict({"a b": nn.LayerNorm(3)})
        self.register_buffer("mask", torch.ones(3), persistent=False)
        self.scale = nn.Parameter(torch.ones(2), requires_grad=False)


class Lit(nn.Module):
    """What a LightningModule has, without Lightning."""

    def __init__(self, *others: nn.Module) -> None:
        super().__init__()
        self.model = nn.Linear(2, 2)
        self.loss = nn.CrossEntropyLoss()
        self.others = nn.ModuleList(others)

    def training_step(self, batch: object) -> None: ...

    def configure_optimizers(self) -> None: ...


def explained(model: nn.Module) -> dict[str, KeyExplanation]:
    """All keys, after what must hold for the keys of any model."""
    found = {each.key: each for each in explain_keys(model, [])}
    state = model.state_dict(keep_vars=True)
    assert list(found)[: len(state)] == list(state)
    for key, each in found.items():
        assert ".".join(part.text for part in each.parts) == key
        assert {part.kind for part in each.parts} <= KINDS
        assert all(part.explanation for part in each.parts)
        if isinstance(state.get(key), nn.Parameter):
            assert eval(each.expression, {"model": model}) is state[key]
            assert each.parts[-1].kind == "parameter"
        elif key in state and isinstance(state[key], torch.Tensor):
            assert torch.equal(eval(each.expression, {"model": model}), state[key])
    buffers = dict(model.named_buffers(remove_duplicate=False))
    assert set(found) - set(state) <= set(buffers)
    assert wrapped_paths_of_keys(found.values()) <= wrapped_paths(static_rows(model))
    return found


def kinds(explanation: KeyExplanation) -> list[str]:
    return [part.kind for part in explanation.parts]


def words(explanation: KeyExplanation, part: int = -1) -> str:
    return explanation.parts[part].explanation


def test_each_part_of_a_wrapped_networks_key() -> None:
    key = "module.features.block 0.1.running_var"
    found = explained(nn.DataParallel(Net()))[key]
    assert found.expression == 'getattr(model.module.features, "block 0")[1].running_var'
    assert kinds(found) == ["wrapper", "attribute", "name", "index", "buffer"]
    assert [part.module_type for part in found.parts] == [
        "Net",
        "Sequential",
        "Sequential",
        "BatchNorm2d",
        "BatchNorm2d",
    ]
    for part, expected in enumerate(
        ["DataParallel", "features of class Net", 'add_module("block 0"', "position 1 of a Sequential"]
    ):
        assert expected in words(found, part)
    lines = [
        int(number) for part in found.parts for number in re.findall(r"line (\d+) of test_naming", part.explanation)
    ]
    with open(__file__, encoding="utf-8") as file:
        source = file.read().splitlines()
    assert ["self.features = " in source[lines[0] - 1], 'add_module("block 0"' in source[lines[1] - 1]] == [True, True]


def test_a_module_named_module_is_an_attribute() -> None:
    found = explained(Net())
    assert kinds(found["module.weight"]) == ["attribute", "parameter"]
    assert kinds(explained(nn.DataParallel(Net()))["module.module.weight"]) == ["wrapper", "attribute", "parameter"]
    assert kinds(found["blocks.0.weight"]) == ["attribute", "index", "parameter"]
    assert kinds(found["by_name.a b.bias"]) == ["attribute", "name", "parameter"]
    assert "frozen" in words(found["scale"])
    assert "Net" in words(found["scale"])


def test_batch_norms_five_entries() -> None:
    found = explained(nn.BatchNorm2d(7))
    assert list(found) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    for each, meaning in zip(found.values(), ["γ", "β", "mean", "variance", "how many batches"], strict=True):
        assert meaning in words(each)
    assert all("persistent: saved" in words(found[key]) for key in list(found)[2:])
    assert "not saved" in words(explained(Net())["mask"])


class Everywhere(nn.Module):
    """DataParallel around a part, and a checkpointed and a compiled child."""

    def __init__(self) -> None:
        super().__init__()
        from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

        self.features = nn.DataParallel(nn.Sequential(nn.Linear(2, 2)))
        self.compiled = torch.compile(nn.Linear(2, 2))
        self.checkpointed = checkpoint_wrapper(nn.Sequential(nn.Linear(2, 2)))
        self.averaged = torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2))
        self.lightning = Lit()


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 2))
        self.compiled = nn.Linear(2, 2)
        self.checkpointed = nn.Sequential(nn.Linear(2, 2))
        self.averaged = nn.Linear(2, 2)
        self.lightning = nn.Linear(2, 2)


def test_wrappers_in_the_middle() -> None:
    model = Everywhere()
    found = explained(model)
    assert kinds(found["features.module.0.weight"]) == ["attribute", "wrapper", "index", "parameter"]
    assert kinds(found["compiled._orig_mod.weight"]) == ["attribute", "wrapper", "parameter"]
    assert kinds(found["averaged.module.weight"]) == ["attribute", "wrapper", "parameter"]
    assert kinds(found["averaged.n_averaged"]) == ["attribute", "buffer"]
    assert kinds(found["lightning.model.weight"]) == ["attribute", "wrapper", "parameter"]
    # Checkpointing saves its keys without its token, but named_parameters of the modules below show it.
    assert found["checkpointed.0.weight"].expression == "model.checkpointed._checkpoint_wrapped_module[0].weight"
    hidden = explain_keys(model, ["checkpointed._checkpoint_wrapped_module.0.weight"])[0]
    assert kinds(hidden) == ["attribute", "wrapper", "index", "parameter"]
    wrapped = wrapped_paths(static_rows(model))
    spelled = [plain(key, wrapped) for key in found if key != "averaged.n_averaged"]
    assert spelled == list(Bare().state_dict())


@pytest.fixture
def process_group() -> Iterator[None]:
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_distributed_data_parallel() -> None:
    model = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))
    assert kinds(explained(model)["module.weight"]) == ["wrapper", "parameter"]


@pytest.mark.slow
@pytest.mark.usefixtures("process_group")
def test_sharded_data_parallel_old_and_new() -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

    new = fully_shard(nn.Sequential(nn.Linear(2, 2)), mesh=init_device_mesh("cpu", (1,)))
    found = explain_keys(new, ["0.weight"])[0]
    assert found.expression == "model[0].weight"
    assert "of a Sequential" in words(found, 0)
    old = FullyShardedDataParallel(nn.Sequential(nn.Linear(2, 2)), use_orig_params=True, device_id=torch.device("cpu"))
    assert kinds(explained(old)["0.weight"]) == ["index", "parameter"]
    named = explain_keys(old, ["_fsdp_wrapped_module.0.weight"])[0]
    assert kinds(named) == ["wrapper", "index", "parameter"]


def test_a_lightning_module_with_more_than_its_model_is_no_wrapper() -> None:
    assert kinds(explained(Lit())["model.weight"]) == ["wrapper", "parameter"]
    assert kinds(explained(Lit(nn.Linear(1, 1)))["model.weight"]) == ["attribute", "parameter"]


@pytest.mark.parametrize(
    ("layer", "name", "numbers"),
    [
        (nn.Linear(84, 10), "weight", "[out_features=10, in_features=84]"),
        (nn.Conv2d(6, 8, (5, 3), groups=2), "weight", "[out_channels=8, in_channels/groups=3, kernel 5×3]"),
        (nn.ConvTranspose1d(6, 8, 4, groups=2), "weight", "[in_channels=6, out_channels/groups=4, kernel 4]"),
        (nn.LSTM(4, 8, 2, bidirectional=True), "weight_ih_l1_reverse", "[4·hidden_size=32, inputs=16]"),
        (nn.LSTM(4, 8, proj_size=3), "weight_hr_l0", "[proj_size=3, hidden_size=8]"),
        (nn.GRU(4, 8), "bias_hh_l0", "[3·hidden_size=24]"),
        (nn.RNNCell(4, 8), "weight_ih", "[hidden_size=8, inputs=4]"),
        (nn.MultiheadAttention(8, 2), "in_proj_weight", "[3·embed_dim=24, embed_dim=8]"),
        (nn.MultiheadAttention(8, 2, kdim=3, vdim=5), "k_proj_weight", "[embed_dim=8, kdim=3]"),
        (nn.Embedding(5, 4), "weight", "[num_embeddings=5, embedding_dim=4]"),
        (nn.Bilinear(2, 3, 4), "weight", "[out_features=4, in1_features=2, in2_features=3]"),
        (nn.PReLU(3), "weight", "[num_parameters=3]"),
        (nn.GroupNorm(2, 4), "bias", "[num_channels=4]"),
        (nn.LayerNorm(6), "weight", "[normalized_shape=6]"),
        (nn.LayerNorm((6, 2)), "weight", "[6, 2]"),
    ],
)
def test_shapes_are_read_aloud(layer: nn.Module, name: str, numbers: str) -> None:
    assert numbers in words(explained(layer)[name])
    sizes = [int(size) for size in re.findall(r"(?<==)\d+|(?<=kernel )\d+|(?<=×)\d+", numbers)]
    assert not sizes or sizes == list(layer.state_dict()[name].shape)


def test_gates_of_an_lstm_are_in_torchs_order() -> None:
    """Opening only the output gate's rows leaves the cell state as the other gates make it."""
    lstm = nn.LSTMCell(1, 1)
    order = re.search(r"input \w, forget \w, cell \w, output \w", words(explained(lstm)["bias_ih"]))
    assert order is not None
    rows = {entry.split()[0]: row for row, entry in enumerate(order[0].split(", "))}
    x, state = torch.zeros(1, 1), (torch.zeros(1, 1), torch.full((1, 1), 0.5))
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        lstm.bias_ih[rows["forget"]] = 50.0
        torch.testing.assert_close(lstm(x, state)[1], torch.full((1, 1), 0.5))
        lstm.bias_ih[rows["cell"]] = 50.0
        torch.testing.assert_close(lstm(x, state)[1], torch.full((1, 1), 1.0))
        lstm.bias_ih[rows["input"]] = 50.0
        torch.testing.assert_close(lstm(x, state)[1], torch.full((1, 1), 1.5))
        lstm.bias_ih[rows["output"]] = 50.0
        torch.testing.assert_close(lstm(x, state)[0], torch.tanh(torch.full((1, 1), 1.5)))


def test_tied_shared_and_lazy_keys_say_so() -> None:
    model = nn.Module()
    model.embedding, model.head = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
    model.head.weight = model.embedding.weight
    model.again = model.embedding
    model.lazy = nn.LazyLinear(3)
    found = explained(model)
    assert "embedding.weight, again.weight (tied)" in words(found["head.weight"])
    assert "same module as embedding" in words(found["again.weight"], 0)
    assert "uninitialised" in words(found["lazy.weight"])
    model.lazy(torch.ones(1, 2))
    assert "uninitialised" not in words(explained(model)["lazy.weight"])


def test_parametrized_old_style_and_pruned_layers() -> None:
    new = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    found = explained(new)["parametrizations.weight.original0"]
    assert kinds(found) == ["attribute", "name", "parameter"]
    assert "magnitude" in words(found)
    assert new.parametrizations.weight.original0.shape == (3, 1)
    old = nn.utils.weight_norm(nn.Linear(2, 3))
    assert "magnitude" in words(explained(old)["weight_g"])
    spectral = explained(nn.utils.spectral_norm(nn.Linear(2, 3)))
    assert [key for key in spectral if "singular" in words(spectral[key])] == ["weight_orig", "weight_u", "weight_v"]
    layer = prune.l1_unstructured(nn.Linear(2, 3), "weight", amount=0.5)
    assert "pruned away" in words(explained(layer)["weight_mask"])


def test_entries_that_a_class_writes_itself() -> None:
    class Counting(nn.Linear):
        def get_extra_state(self) -> object:
            return {"steps": 3}

        def set_extra_state(self, state: object) -> None: ...

    model = nn.Sequential(Counting(1, 1))
    found = explained(model)["0._extra_state"]
    assert kinds(found) == ["index", "attribute"]
    assert eval(found.expression, {"model": model}) == {"steps": 3}


def test_keys_that_a_hook_renames_lead_to_the_tensor() -> None:
    class Renaming(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self._register_state_dict_hook(
                lambda module, state, prefix, metadata: {key.replace("inner.", "in.ner."): state[key] for key in state}
            )

    found = explained(Renaming())
    assert list(found) == ["in.ner.weight", "in.ner.bias"]
    assert found["in.ner.weight"].expression == "model.inner.weight"


def test_a_state_dict_that_fails_leaves_what_is_registered() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    model.state_dict = types.MethodType(lambda *_, **__: 1 // 0, model)  # type: ignore[method-assign]
    assert [each.key for each in explain_keys(model, [])] == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("features.block 0.0.weight", "module.features.block 0.0.weight"),
        ("module.features.block 0.1.runing_mean", "module.features.block 0.1.running_mean"),
        ("module.features.block 0.1", "is a module, not a tensor"),
        ("zzz", "nor one like it"),
    ],
)
def test_unknown_keys_are_refused_with_the_closest(key: str, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        explain_keys(nn.DataParallel(Net()), [key])
    assert repr(key) in str(refused.value)
    assert message in str(refused.value)


def test_looking_changes_nothing() -> None:
    model = nn.DataParallel(Net()).train()
    before = {key: (id(value), value.clone()) for key, value in model.state_dict(keep_vars=True).items()}
    random = torch.get_rng_state()
    explain_keys(model, [])
    after = model.state_dict(keep_vars=True)
    assert {key: id(value) for key, value in after.items()} == {key: value[0] for key, value in before.items()}
    assert all(torch.equal(after[key], value) for key, (_, value) in before.items())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(module.training for module in model.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "vit_b_16", "inception_v3"])
def test_torchvision_models(name: str) -> None:
    install()
    from torchvision import models

    model = getattr(models, name)(**({"init_weights": False} if name == "inception_v3" else {}))
    assert set(explained(nn.DataParallel(model))) >= {f"module.{key}" for key in model.state_dict()}
