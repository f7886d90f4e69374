"""Models over several devices: the plan is accelerate's, what crosses is what its hooks move, a pass is the same."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from live_models import live, silent
from torch import nn
from zoo import ZOO

from inspector.core.device_budgets import Budget, PlanSettings, parse_budgets
from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.forward_settings import ForwardSettings
from inspector.core.placement import PlacementPlan
from inspector.core.recipe import InputSpec, Recipe, parse_input
from inspector.engine.pytorch.model import TorchModel

accelerate = pytest.importorskip("accelerate")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(x)))


class Residual(nn.Module):
    """Blocks that add, a parameter of the model's own, buffers, a head tied to nothing."""

    def __init__(self, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), 2.0))
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = x * self.scale
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Own(nn.Module):
    """Parameters beside modules, as an encoder's positions."""

    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(7, 16))
        self.layers = nn.Sequential(*[nn.Linear(16, 16) for _ in range(3)])

    def forward(self, x):
        return self.layers(x + self.position)


class Inside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.encoder = Own()
        self.last = nn.Linear(16, 4)

    def forward(self, x):
        return self.last(self.encoder(self.first(x)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.body = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16))
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.body(self.embed(ids)))


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.middle = nn.Linear(8, 8)
        self.last = self.first

    def forward(self, x):
        return self.last(self.middle(self.first(x)))


class Joined(nn.Module):
    """The model itself joins what its modules put out: nothing can be kept whole."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(16, 16)
        self.b = nn.Linear(16, 16)
        self.c = nn.Linear(16, 16)

    def forward(self, x):
        return self.c(self.a(x) + self.b(x))


def transformer() -> nn.Module:
    # Its attention uses the weights of its output projection without calling it.
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)


def plan(module: nn.Module, shape: list[int], devices: str, **settings) -> PlacementPlan:
    spec = InputSpec(shape=shape)
    wanted = PlanSettings(budgets=parse_budgets(devices), inputs=[spec], **settings)
    model = live(module)
    model.trace([spec], silent)
    return model.plan(wanted, silent)


def rows_of(made: PlacementPlan, module: nn.Module, shape: list[int]):
    model = live(module)
    return zip(model.trace([InputSpec(shape=shape)], silent).rows, made.rows, strict=True)


def test_the_map_is_accelerates_with_the_classes_that_are_kept_whole():
    model = Residual()
    made = plan(model, [2, 32], "cuda:0=20KiB,cuda:1=20KiB,cpu=1GiB")
    theirs = accelerate.infer_auto_device_map(
        model, {0: 20 * 1024, 1: 20 * 1024, "cpu": 2**30}, no_split_module_classes=["Block"]
    )
    names = {0: "cuda:0", 1: "cuda:1"}
    assert made.device_map == {path: names.get(device, device) for path, device in theirs.items()}
    assert [(one.type, one.why) for one in made.kept_whole] == [("Block", "joins what its modules put out")]


def test_every_device_holds_what_its_modules_have():
    model = Residual()
    made = plan(model, [2, 32], "cuda:0=24KiB,cuda:1=24KiB,cpu=1GiB")
    held = {one.name: one.bytes for one in made.devices}
    on = {"cuda:0": 0, "cuda:1": 0, "cpu": 0}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        entry = next(key for key in made.device_map if name == key or name.startswith(f"{key}."))
        device = made.device_map[entry]
        # Buffers stay where the module runs: `dispatch_model(offload_buffers=False)`.
        is_buffer = name in dict(model.named_buffers())
        on["cuda:0" if device == "cpu" and is_buffer else device] += tensor.numel() * tensor.element_size()
    assert held == on
    assert made.fits
    assert [one.exists for one in made.devices] == [False, False, True]


@pytest.mark.parametrize(
    ("module", "shape"),
    [(Residual(), [2, 32]), (nn.Sequential(*[nn.Linear(16, 16) for _ in range(4)]), [3, 16]), (Inside(), [2, 7, 16])],
)
def test_what_crosses_is_what_accelerates_hooks_move(module, shape, monkeypatch):
    """Between two devices that exist: the CPU, and meta in the place of the second GPU."""
    size = sum(tensor.numel() * 4 for tensor in module.parameters())
    made = plan(module, shape, f"cuda:0={size * 6 // 10},cuda:1=1GiB")
    places = {path: "meta" if device == "cuda:1" else "cpu" for path, device in made.device_map.items()}
    assert set(places.values()) == {"meta", "cpu"}
    model = copy.deepcopy(module).eval()
    moved = 0

    def counting(value, device, **rest):
        nonlocal moved
        for tensor in value if isinstance(value, tuple | list) else [value]:
            if isinstance(tensor, torch.Tensor) and tensor.device != torch.device(device):
                moved += tensor.numel() * tensor.element_size()
        return theirs(value, device, **rest)

    theirs = accelerate.hooks.send_to_device
    monkeypatch.setattr("accelerate.hooks.send_to_device", counting)
    accelerate.dispatch_model(model, places, main_device="cpu")
    # The output cannot come back from meta, but is counted before.
    with pytest.raises(NotImplementedError, match="out of meta"):
        model(torch.randn(shape))
    assert made.crossing_bytes == moved > 0


def test_a_chain_crosses_once_and_the_row_says_from_where():
    chain = nn.Sequential(*[nn.Linear(16, 16) for _ in range(4)])
    made = plan(chain, [3, 16], "cuda:0=4KiB,cuda:1=4KiB,cpu")
    crossing = {row.path: one for row, one in rows_of(made, chain, [3, 16]) if one.crossing_bytes}
    firsts = [path for path, device in made.device_map.items() if device == "cuda:1"]
    assert crossing[firsts[0]].crossing_bytes == 3 * 16 * 4
    assert crossing[firsts[0]].crossing_from == ["cuda:0"]


def test_parts_of_the_disk_run_where_the_inputs_are_and_nothing_crosses():
    made = plan(Residual(), [2, 32], "cpu=24KiB,disk")
    assert {"cpu", "disk"} == set(made.device_map.values())
    assert made.crossing_bytes == 0
    assert made.loading_bytes == next(one.bytes for one in made.devices if one.name == "disk") > 0
    assert {one.runs_on for one in made.rows} == {"cpu", None}


def test_what_finds_no_room_is_said():
    made = plan(Residual(), [2, 32], "cpu=1KiB")
    assert not made.fits
    # What is the model's own stays with its inputs.
    below = [tensor for name, tensor in Residual().named_parameters() if "." in name]
    assert made.unplaced_bytes == sum(tensor.numel() * 4 for tensor in below)


def test_a_sum_in_the_models_own_forward_is_told_to_fail():
    made = plan(Joined(), [2, 16], "cuda:0=2500,cuda:1=1GiB")
    assert made.device_map == {"a": "cuda:0", "b": "cuda:1", "c": "cuda:1"}
    conflict = made.conflicts[0]
    assert (conflict.path, set(conflict.devices)) == ("", {"cuda:0", "cuda:1"})
    assert conflict.source is not None
    assert conflict.source.text.strip() == "return self.c(self.a(x) + self.b(x))"
    assert not made.fits


class Moves(Joined):
    """Brings the one output to the other, in one of several ways."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, x):
        return self.c(self.way(self.a(x), self.b(x)))


def copied(a, b):
    made = torch.empty_like(b)
    made.copy_(a)
    made[0] = a[0]
    return made + b


@pytest.mark.parametrize("way", [lambda a, b: a.to(b) + b, lambda a, b: a.type_as(b) + b, copied])
def test_what_is_brought_to_another_tensor_is_where_that_is(way):
    assert plan(Moves(way), [2, 16], "cuda:0=2500,cuda:1=1GiB").conflicts == []
    assert plan(Moves(lambda a, b: a + b), [2, 16], "cuda:0=2500,cuda:1=1GiB").conflicts


def test_classes_are_kept_whole_as_asked_and_as_the_model_declares():
    class Declares(Residual):
        _no_split_modules = ["Block"]

    assert plan(Declares(), [2, 32], "cpu=24KiB,disk").kept_whole[0].why == "the model declares it"
    asked = plan(Residual(), [2, 32], "cpu=24KiB,disk", no_split=["Block"])
    assert [(one.type, one.why) for one in asked.kept_whole] == [("Block", "asked for")]
    with pytest.raises(RequestError, match="no module is of that class; the classes are BatchNorm1d, Block"):
        plan(Residual(), [2, 32], "cpu=24KiB,disk", no_split=["Blok"])


def test_a_device_that_does_not_exist_needs_a_budget():
    with pytest.raises(RequestError, match="cuda:9 has no budget and it does not exist here"):
        plan(Residual(), [2, 32], "cuda:9,cpu")


def test_a_model_without_known_input_is_planned_and_what_crosses_is_not_known():
    class NoForward(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

    made = live(NoForward()).plan(PlanSettings(budgets=[Budget(device="cpu", bytes=2**20)]), silent)
    assert made.device_map == {"a": "cpu"}
    assert made.crossing_bytes is None
    assert made.rows[1].crossing_bytes is None


@pytest.mark.parametrize(
    ("make", "spec"),
    [
        (Residual, InputSpec(shape=[2, 32])),
        (Inside, InputSpec(shape=[2, 7, 16])),
        (Tied, InputSpec(shape=[2, 5], dtype="int64", distribution="range", low=0, high=50)),
        (Shared, InputSpec(shape=[2, 8])),
        (transformer, InputSpec(shape=[2, 5, 16])),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_pass_with_weights_on_the_disk_is_the_same_to_the_bit_and_leaves_all_as_it_was(make, spec, share, tmp_path):
    module = make()
    model = live(module)
    model.trace([spec], silent)
    plain = model.forward(ForwardSettings(inputs=[spec]), silent)
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.parameters())
    before = {name: id(one) for name, one in module.state_dict(keep_vars=True).items()}
    values = copy.deepcopy(module.state_dict())
    held = [sorted(one.__dict__) for one in module.modules()]
    budgets = [Budget(device="cpu", bytes=1 + int(size * share)), Budget(device="disk")]
    placed = model.forward(
        ForwardSettings(inputs=[spec], placement=PlanSettings(budgets=budgets, folder=str(tmp_path))), silent
    )
    assert placed.placement is not None
    assert "disk" in placed.placement.device_map.values()
    assert [one.text for one in placed.outputs] == [one.text for one in plain.outputs]
    assert [one.statistics for one in placed.outputs] == [one.statistics for one in plain.outputs]
    assert [one.statistics for one in placed.runs] == [one.statistics for one in plain.runs]
    assert [(row.path, row.type) for row in placed.table.rows] == [(row.path, row.type) for row in plain.table.rows]
    assert {name: id(one) for name, one in module.state_dict(keep_vars=True).items()} == before
    assert all(torch.equal(one, values[name]) for name, one in module.state_dict().items())
    assert [sorted(one.__dict__) for one in module.modules()] == held
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ZOO) - {"OddNames"}))
@pytest.mark.parametrize("share", [0.0, 0.7])
def test_every_network_of_the_zoo_runs_from_the_disk_as_it_does_else(name, share, tmp_path):
    specimen = ZOO[name]
    model = TorchModel.open(Recipe(target=specimen.target, inputs=[parse_input(spec) for spec in specimen.specs]))
    size = model.trace([], silent).totals.parameter_bytes
    plain = model.forward(ForwardSettings(), silent)
    before = {key: id(one) for key, one in model.module.state_dict(keep_vars=True).items()}
    budgets = [Budget(device="cpu", bytes=1 + int(size * share)), Budget(device="disk")]
    placed = model.forward(ForwardSettings(placement=PlanSettings(budgets=budgets, folder=str(tmp_path))), silent)
    assert [one.text for one in placed.outputs] == [one.text for one in plain.outputs]
    assert [one.statistics for one in placed.runs] == [one.statistics for one in plain.runs]
    assert {key: id(one) for key, one in model.module.state_dict(keep_vars=True).items()} == before
    assert (placed.table.failure is None) == (plain.table.failure is None)


def test_keys_that_are_no_names_of_files_are_refused(tmp_path):
    odd = nn.Sequential()
    odd.add_module("a/b", nn.Linear(4, 4))
    settings = PlanSettings(budgets=parse_budgets("cpu=1,disk"), folder=str(tmp_path / "folder"))
    with pytest.raises(RequestError, match="cannot be the name of a file"):
        live(odd).forward(ForwardSettings(inputs=[InputSpec(shape=[1, 4])], placement=settings), silent)


def test_what_the_model_uses_directly_is_not_put_away():
    class Direct(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8)
            self.body = nn.Linear(8, 8)

        def forward(self, ids):
            return self.body(self.embed(ids)) @ self.embed.weight.T

    spec = InputSpec(shape=[2, 3], dtype="int64", distribution="range", low=0, high=20)
    model = live(Direct())
    made = model.plan(PlanSettings(budgets=parse_budgets("cpu=1,disk"), inputs=[spec]), silent)
    assert made.device_map == {"embed": "cpu", "body": "disk"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_with_the_rest_brought_from_the_cpu():
    module = Residual()
    model = live(module)
    spec = InputSpec(shape=[2, 32])
    plain = model.forward(ForwardSettings(inputs=[spec]), silent)
    placed = model.forward(
        ForwardSettings(inputs=[spec], placement=PlanSettings(budgets=parse_budgets("cuda:0=20KiB,cpu=1GiB"))), silent
    )
    assert placed.placement is not None
    assert set(placed.placement.device_map.values()) == {"cuda:0", "cpu"}
    assert placed.outputs[0].statistics.mean == pytest.approx(plain.outputs[0].statistics.mean, rel=1e-3)
    assert {str(one.device) for one in module.parameters()} == {"cpu"}


def test_meta_stands_in_for_a_device(tmp_path):
    model = live(Residual())
    report = model.forward(
        ForwardSettings(
            inputs=[InputSpec(shape=[2, 32])], placement=PlanSettings(budgets=parse_budgets("meta=24KiB,cpu=1GiB"))
        ),
        silent,
    )
    assert report.table.failure is None
    assert report.outputs[0].shape == [2, 10]
    assert not any(tensor.is_meta for tensor in model.module.state_dict().values())


@pytest.mark.parametrize(
    ("devices", "folder", "backward", "sentence"),
    [
        ("cpu=1KiB,disk", None, False, "say where with --offload"),
        ("cpu=1KiB", None, False, "find no room on cpu"),
        ("cpu=24KiB,disk=1KiB", "here", False, "the disk would get .* may take 1.00 KiB; give it more"),
        ("disk", "here", False, "stay on cpu, where the model runs, and it is not among disk; add it"),
        ("cuda:9=1GiB", None, False, "'cuda:9' does not exist here"),
        ("cpu=1KiB,disk", "no/where", False, "no/where takes no files: No such file or directory; name another folder"),
        ("cpu=1KiB,disk", "here", True, "a backward pass needs all weights at once"),
    ],
)
def test_a_pass_that_cannot_be_placed_is_refused_in_a_sentence(devices, folder, backward, sentence, tmp_path):
    model = live(Residual())
    settings = PlanSettings(budgets=parse_budgets(devices), folder=folder and str(tmp_path / folder))
    with pytest.raises(RequestError, match=sentence):
        model.forward(ForwardSettings(inputs=[InputSpec(shape=[2, 32])], backward=backward, placement=settings), silent)


def test_of_a_model_on_several_devices_the_rows_say_what_crosses():
    model = live(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4), nn.Linear(4, 4)))
    spec = InputSpec(shape=[3, 8])
    assert {row.crossing_bytes for row in model.trace([spec], silent).rows} == {None}
    model.apply(Edit(action="place", where="2", argument="meta"))
    table = model.trace([spec], silent)
    crossing = {row.path: (row.crossing_bytes, row.crossing_from) for row in table.rows if row.crossing_bytes}
    assert crossing == {"2": (3 * 16 * 4, ["cpu"]), "3": (3 * 4 * 4, ["meta"])}
    assert {row.path: row.crossing_bytes for row in table.rows}["0"] == 0
    note = next(note.message for note in table.notes if note.code == "several-devices")
    assert note == "the model is spread over cpu, meta; inputs come from another device in 2, 3"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    settings = PlanSettings(budgets=parse_budgets("cpu=1KiB,disk"), folder=str(tmp_path / "file"))
    with pytest.raises(RequestError, match="name another folder"):
        live(Residual()).forward(ForwardSettings(inputs=[InputSpec(shape=[2, 32])], placement=settings), silent)


def test_a_backward_pass_where_nothing_is_brought_in_gives_the_same_gradients():
    model = live(Residual())
    spec = InputSpec(shape=[2, 32])
    plain = model.forward(ForwardSettings(inputs=[spec], backward=True), silent)
    placed = model.forward(
        ForwardSettings(inputs=[spec], backward=True, placement=PlanSettings(budgets=parse_budgets("cpu=1GiB"))), silent
    )
    assert placed.gradients == plain.gradients


def test_a_forward_that_fails_leaves_the_model_as_it_was(tmp_path):
    class Fails(Residual):
        def forward(self, x):
            return super().forward(x)[:, 99].view(7)

    module = Fails()
    before = {name: id(one) for name, one in module.state_dict(keep_vars=True).items()}
    settings = PlanSettings(budgets=parse_budgets("cpu=1KiB,disk"), folder=str(tmp_path))
    report = live(module).forward(ForwardSettings(inputs=[InputSpec(shape=[2, 32])], placement=settings), silent)
    assert report.table.failure is not None
    assert {name: id(one) for name, one in module.state_dict(keep_vars=True).items()} == before
    assert "forward" not in module.head.__dict__
    assert not list(tmp_path.iterdir())


LARGE = """
import json, sys
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(2048, 2048) for _ in range(12)])
        self.last = nn.Linear(2048, 2048, bias=False)
        self.last.weight = self.layers[11].weight

    def forward(self, x):
        return self.last(self.layers(x))
"""
MEASURE = """
from inspector.core.device_budgets import PlanSettings, parse_budgets
from inspector.core.forward_settings import ForwardSettings
from inspector.core.recipe import InputSpec, Recipe
from inspector.engine.pytorch.model import TorchModel


def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


before = anonymous()
model = TorchModel.open(Recipe(target="net.py:Net", weights="net.safetensors", mapped=True))
opened = anonymous() - before
spec = InputSpec(shape=[1, 2048])
settings = PlanSettings(budgets=parse_budgets("cpu=64MiB,disk"), folder=".")
placed = model.forward(ForwardSettings(inputs=[spec], placement=settings), lambda *_: None)
ordinary = TorchModel.open(Recipe(target="net.py:Net", weights="net.safetensors"))
plain = ordinary.forward(ForwardSettings(inputs=[spec]), lambda *_: None)
print(json.dumps([opened, placed.outputs[0].text == plain.outputs[0].text, str(placed.placement.device_map)]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells how much memory is not a file's")
def test_a_model_is_opened_without_memory_for_its_weights(tmp_path):
    """200 MB of weights, mapped: they may be larger than the memory."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = {f"layers.{at}.weight": torch.randn(2048, 2048) / 45 for at in range(12)}
    state |= {f"layers.{at}.bias": torch.zeros(2048) for at in range(12)}
    save_file(state, tmp_path / "net.safetensors")
    (tmp_path / "net.py").write_text(LARGE)
    done = subprocess.run(
        [sys.executable, "-c", f"{LARGE}\n{MEASURE}"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    opened, same, device_map = json.loads(done.stdout)
    assert opened < 40 * 2**20
    assert same
    assert "disk" in device_map


def test_weights_that_a_file_lacks_are_named(tmp_path):
    torch.save({"0.weight": torch.ones(4, 4)}, tmp_path / "part.pt")
    (tmp_path / "net.py").write_text("from torch import nn\nnet = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))\n")
    with pytest.raises(RequestError, match=r"has no values for 0.bias, 1.weight, 1.bias"):
        TorchModel.open(Recipe(target=str(tmp_path / "net.py"), weights=str(tmp_path / "part.pt"), mapped=True))


def test_a_parameter_under_two_names_is_one_without_its_values_too(tmp_path):
    code = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        weight = nn.Parameter(torch.ones(4, 4))
        self.a = weight
        self.b = weight
"""
    (tmp_path / "net.py").write_text(code)
    torch.save({"a": torch.full((4, 4), 3.0)}, tmp_path / "w.pt")
    target = f"{tmp_path / 'net.py'}:Net"
    model = TorchModel.open(Recipe(target=target, weights=str(tmp_path / "w.pt"), mapped=True))
    assert model.module.a is model.module.b
    assert model.module.b[0, 0] == 3


RECURRENT = """
from torch import nn


class Net(nn.Module):
    def __init__(self, kind="GRU"):
        super().__init__()
        self.first, self.second = (getattr(nn, kind)(4, 4, batch_first=True) for _ in range(2))
        self.second.weight_hh_l0 = self.first.weight_hh_l0
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.second(self.first(x)[0])[0])
"""


@pytest.mark.parametrize("devices", ["cpu", "disk"])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_recurrent_layers_take_mapped_weights_over(tmp_path, kind, devices):
    """torch has weak references to their weights, beside a list of them."""
    (tmp_path / "net.py").write_text(RECURRENT)
    namespace: dict = {}
    exec(RECURRENT, namespace)
    torch.manual_seed(1)
    theirs = namespace["Net"](kind).eval()
    torch.save(theirs.state_dict(), tmp_path / "net.pt")
    model = TorchModel.open(
        Recipe(target=f"{tmp_path}/net.py", arguments=f"kind={kind!r}", weights=f"{tmp_path}/net.pt", mapped=True)
    )
    placing = PlanSettings(budgets=parse_budgets(devices), folder=str(tmp_path))
    model.forward(ForwardSettings(inputs=[InputSpec(shape=[2, 3, 4])], placement=placing), silent)
    ours = model.module.eval()
    x = torch.randn(2, 3, 4)
    assert torch.equal(ours(x), theirs(x))
    assert ours.second.weight_hh_l0 is ours.first.weight_hh_l0


def test_a_sentence_says_that_accelerate_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(RequestError, match=r"pip install 'nninspect\[accelerate\]'"):
        plan(Residual(), [2, 32], "cpu,disk")
