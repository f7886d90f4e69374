"""Receptive fields and costs of exported models are those of the PyTorch models, row for matched row."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from onnx_graphs import quiet
from torch import nn

from inspector.core.export import ExportSettings
from inspector.core.recipe import Recipe, parse_each
from inspector.engine.onnx_model import open_onnx
from inspector.engine.onnx_model.providers import provider_of
from inspector.engine.onnx_model.row_values import module_paths
from inspector.engine.opening import open_live
from inspector.engine.pytorch import torchvision_operators
from inspector.engine.pytorch.exporting.comparing import compare_rows
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened

pytestmark = pytest.mark.slow
pytest.importorskip("onnxscript")
SAMPLES = Path(__file__).parents[2] / "sample_models"
OWN = ["autoencoder", "group_norm", "super_resolution"]
TORCHVISION = ["resnet18", "shufflenet_v2_x0_5"]


def own(name):
    live = open_live(Recipe(target=str(SAMPLES / f"{name}.py")))
    shapes = live.trace([], quiet).inputs
    return live, parse_each(["x".join(map(str, one.shape)) for one in shapes])


def of_torchvision(name):
    torchvision_operators.install()
    models = pytest.importorskip("torchvision.models")
    module = models.get_model(name, weights=None, **({"weights_backbone": None} if "lraspp" in name else {})).eval()
    live = TorchModel(Recipe(target="net.py"), Opened(module, name, lambda seed: module))
    return live, parse_each(["2x3x64x64"])


class Around(nn.Module):
    """An operation between two convolutions."""

    def __init__(self, operation, channels):
        super().__init__()
        self.before = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.operation = operation
        self.after = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, x):
        return self.after(self.operation(self.before(x)))


class Windows(nn.Module):
    """The mean of overlapping windows along the rows."""

    def forward(self, x):
        return x.unfold(2, 3, 2).mean(-1)


class Rows(nn.Module):
    """Some rows in another order."""

    def forward(self, x):
        return torch.stack([x[:, :, 0], x[:, :, 5], x[:, :, 2]], 2)


class Pyramid(nn.Module):
    """Bins of several sizes, brought back to the size of the image."""

    def forward(self, x):
        bins = [F.adaptive_avg_pool2d(x, size) for size in (3, 6)]
        return torch.cat([x, *(F.interpolate(one, x.shape[2:], mode="bilinear") for one in bins)], 1)


OPERATIONS = {
    "uneven bins": (nn.AdaptiveAvgPool2d((4, 5)), 4),
    "more bins than pixels": (nn.AdaptiveAvgPool2d((17, 2)), 4),
    "bilinear to odd sizes": (nn.Upsample(size=(21, 33), mode="bilinear"), 4),
    "blocks to channels": (nn.PixelUnshuffle(2), 16),
    "windows": (Windows(), 4),
    "rows": (Rows(), 4),
    "pyramid": (Pyramid(), 12),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_the_exporter_takes_apart_keeps_its_field(tmp_path, name):
    module = Around(*OPERATIONS[name]).eval()
    live, specs = (
        TorchModel(Recipe(target="net.py"), Opened(module, name, lambda seed: module)),
        parse_each(["1x3x28x36"]),
    )
    path = str(tmp_path / "net.onnx")
    comparison = live.export(ExportSettings(path=path, inputs=specs, verify=True), quiet).comparison
    found, compared = differences(live, comparison, path)
    assert found == []
    assert compared >= 3


class Folded(nn.Module):
    """A convolution of halves of the channels as samples of their own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        batch, _, height, width = x.shape
        return self.conv(x.reshape(batch * 2, 2, height, width)).reshape(batch, 4, height, width)


def test_a_size_that_one_module_works_out_for_another_hides_no_field(tmp_path):
    """With an open batch the exporter works the number of samples out once, in the first module that needs it."""
    module = Around(nn.Sequential(Folded(), Folded()), 4).eval()
    live = TorchModel(Recipe(target="net.py"), Opened(module, "net", lambda seed: module))
    path, specs = str(tmp_path / "net.onnx"), parse_each(["2x3x28x36"])
    settings = ExportSettings(path=path, inputs=specs, verify=True, dynamic_batch=True)
    comparison = live.export(settings, quiet).comparison
    first = next(row for row in open_onnx(Recipe(target=path)).trace(specs, quiet).rows if row.path == "operation.0")
    assert len(first.output_shapes) == 2
    assert differences(live, comparison, path)[0] == []


def told(field):
    if field is None:
        return None
    return field.status, field.size, field.stride, field.start, field.local_size, field.input


def differences(live, comparison, path):
    """Matched rows that tell something else, and how many were compared."""
    made = comparison.passes[0]
    specs = parse_each(made.inputs)
    graph = open_onnx(Recipe(target=path))
    torch_rows, rows = live.trace(specs, quiet), graph.trace(specs, quiet)
    module_of = {node.path: (module_paths(node.scopes) or ("",))[-1] for node in graph.graph.nodes}
    found = []
    for pair in made.rows:
        here, there = torch_rows.rows[pair.row], rows.rows[pair.node_row]
        a, b = here.receptive_field, there.receptive_field
        if told(a) != told(b) or (a is not None and a.via not in (b.via, module_of.get(b.via))):
            found.append((pair.path, pair.type, told(a), told(b)))
        if pair.kind == "module" and there.kind == "module" and here.flops != there.flops:
            found.append((pair.path, pair.type, here.flops, there.flops))
    if torch_rows.totals.flops != rows.totals.flops:
        found.append(("total", torch_rows.totals.flops, rows.totals.flops))
    return found, len(made.rows)


@pytest.mark.parametrize("name", [*OWN, *TORCHVISION])
def test_a_row_of_the_exported_file_tells_what_its_module_tells(tmp_path, name):
    live, specs = own(name) if name in OWN else of_torchvision(name)
    path = str(tmp_path / "net.onnx")
    comparison = live.export(ExportSettings(path=path, inputs=specs, verify=True), quiet).comparison
    found, compared = differences(live, comparison, path)
    assert found == []
    assert compared >= comparison.matched


@pytest.mark.parametrize("name", ["resnet18"])
def test_so_does_a_row_of_the_older_exporter(tmp_path, name):
    live, specs = of_torchvision(name)
    path = str(tmp_path / "net.onnx")
    torch.onnx.export(live.module, (torch.zeros(specs[0].shape),), path, dynamo=False)
    graph = open_onnx(Recipe(target=path))
    comparison = compare_rows(live.module, graph.graph, specs, provider_of("cpu"), 1, quiet)
    found, compared = differences(live, comparison, path)
    assert found == []
    assert compared > 20
