"""Receptive fields of whole networks: published tables, and gradients of the networks themselves."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import msgspec
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from inspector.core.field_axes import window_of
from inspector.core.table import ReceptiveField
from inspector.engine.pytorch import torchvision_operators
from inspector.engine.pytorch.field_calls import FieldTracker
from inspector.engine.pytorch.op_calls import Returned


class Following(TorchFunctionMode):
    """Tells a tracker of every function, as the tracer does."""

    def __init__(self, *inputs: torch.Tensor) -> None:
        super().__init__()
        self.tracker = FieldTracker(list(inputs))

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.tracker.observe(Returned(func, args, kwargs, result), "here")
        return result


def told(tracker: FieldTracker, value: object) -> ReceptiveField | None:
    """The receptive field, without what single units see."""
    tells = tracker.field_of(value)
    field = tells() if tells is not None else None
    return None if field is None else msgspec.structs.replace(field, axes=[])


def field_of(network: Callable[..., Any], *inputs: torch.Tensor) -> ReceptiveField | None:
    with torch.no_grad(), Following(*inputs) as mode:
        output = network(*inputs)
    return told(mode.tracker, output)


def field_by_units(network: Callable[..., Any], image: torch.Tensor) -> ReceptiveField:
    with torch.no_grad(), Following(image) as mode:
        tells = mode.tracker.field_of(network(image))
    field = tells() if tells is not None else None
    assert field is not None
    return field


def fields_of_children(model: nn.Module, names: list[str], size: int = 224) -> dict[str, ReceptiveField | None]:
    """The fields of some submodules' outputs in a pass on the meta device."""
    image = torch.zeros(1, 3, size, size, device="meta")
    model = model.eval().to("meta")
    found: dict[str, ReceptiveField | None] = {}
    with torch.no_grad(), Following(image) as mode:
        for name in names:
            model.get_submodule(name).register_forward_hook(
                lambda module, args, output, name=name: found.update({name: told(mode.tracker, output)})
            )
        model(image)
    return found


@pytest.fixture(scope="module")
def torchvision_models() -> Any:
    torchvision_operators.install()
    return pytest.importorskip("torchvision.models")


# Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill 2019), with the strides
# and paddings where torchvision has them: size r, stride S, padding P = −start of the last convolutional feature map.
PUBLISHED = [
    ("alexnet", "features", 195, 32, 66),
    ("vgg11", "features", 150, 32, 59),
    ("vgg16", "features", 212, 32, 90),
    ("resnet18", "layer1", 43, 4, 21),
    ("resnet18", "layer2", 99, 8, 49),
    ("resnet18", "layer3", 211, 16, 105),
    ("resnet18", "layer4", 435, 32, 217),
    ("resnet50", "layer1", 35, 4, 17),
    ("resnet50", "layer2", 91, 8, 45),
    ("resnet50", "layer3", 267, 16, 133),
    ("resnet50", "layer4", 427, 32, 213),
    ("resnet101", "layer4", 971, 32, 485),
    ("resnet152", "layer4", 1451, 32, 725),
    ("inception_v3", "Mixed_7c", 1311, 32, 618),
]


def test_torchvision_networks_have_their_published_receptive_fields(torchvision_models: Any) -> None:
    for name in dict.fromkeys(row[0] for row in PUBLISHED):
        options = {"init_weights": False} if name == "inception_v3" else {}
        with torch.device("meta"):
            model = getattr(torchvision_models, name)(weights=None, **options)
        rows = [row for row in PUBLISHED if row[0] == name]
        found = fields_of_children(model, [row[1] for row in rows], 299 if name == "inception_v3" else 224)
        for _, child, size, stride, padding in rows:
            field = found[child]
            assert field is not None
            told = (field.status, field.size, field.stride, field.start)
            assert told == ("exact", [size] * 2, [stride] * 2, [-padding] * 2), (name, child)


def test_a_resnet_sees_everything_behind_its_global_pooling(torchvision_models: Any) -> None:
    with torch.device("meta"):
        model = torchvision_models.resnet18(weights=None)
    found = fields_of_children(model, ["avgpool", "fc"])
    for field in found.values():
        assert field == ReceptiveField(status="whole_input", via="here", size=[224] * 2, stride=[0] * 2, start=[0] * 2)


def positive(network: nn.Module) -> nn.Module:
    """All weights positive, so that no two paths cancel: what is seen has a gradient."""
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.1)
    return network.double().eval()


def seen_by(network: Callable[..., torch.Tensor], image: torch.Tensor, unit: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and last pixel, per spatial axis, with a gradient from one output position (all its channels)."""
    image = image.clone().requires_grad_()
    network(image)[(slice(None), slice(None), *unit)].sum().backward()
    assert image.grad is not None
    mask = image.grad.abs().sum((0, 1)) != 0
    boxes = []
    for axis in range(mask.dim()):
        others = [other for other in range(mask.dim()) if other != axis]
        places = mask.amax(others).nonzero().flatten() if others else mask.nonzero().flatten()
        boxes.append((int(places.min()), int(places.max())))
    return boxes


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(2, 2, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(2, 2, 5, stride=2, padding=2)
        self.skip = nn.Conv2d(2, 2, 1, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(torch.cat([self.narrow(x), self.wide(x)], 1)) + self.skip(x).repeat(1, 2, 1, 1)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 3, padding=1)
        self.down = nn.Conv2d(2, 2, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return torch.cat([self.up(self.down(x).relu_()), x], dim=1)


NETWORKS: list[tuple[str, nn.Module, int]] = [
    ("rectangular, dilated", nn.Sequential(nn.Conv2d(2, 2, (3, 5), (2, 1), dilation=(1, 2)), nn.AvgPool2d(2)), 2),
    ("same padding, even kernel", nn.Conv2d(2, 2, (4, 3), padding="same", dilation=(1, 3)), 2),
    ("reflected", nn.Sequential(nn.Conv2d(2, 2, 5, padding=2, padding_mode="reflect"), nn.AvgPool2d(3, 2, 1)), 2),
    ("branches", Residual(), 2),
    ("encoder and decoder", UNet(), 2),
    ("transposed", nn.Sequential(nn.Conv2d(2, 2, 3, 2), nn.ConvTranspose2d(2, 2, 4, 2, 1), nn.Conv2d(2, 2, 3)), 2),
    ("gapped transposed", nn.Sequential(nn.ConvTranspose2d(2, 2, 2, 3, dilation=2), nn.Conv2d(2, 2, 3)), 2),
    ("nearest", nn.Sequential(nn.Conv2d(2, 2, 3, 2), nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3)), 2),
    ("bilinear", nn.Sequential(nn.Conv2d(2, 2, 3, 2), nn.Upsample(scale_factor=2, mode="bilinear")), 2),
    ("corners", nn.Sequential(nn.Upsample(size=(61, 45), mode="bilinear", align_corners=True), nn.Conv2d(2, 2, 3)), 2),
    ("hourglass", nn.Sequential(nn.AvgPool2d(4), nn.Upsample(scale_factor=2)), 2),
    ("shuffled", nn.Sequential(nn.Conv2d(2, 4, 3), nn.PixelShuffle(2), nn.Conv2d(1, 2, 3)), 2),
    ("unshuffled", nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(8, 2, 3)), 2),
    ("uneven adaptive", nn.Sequential(nn.Conv2d(2, 2, 3), nn.AdaptiveAvgPool2d((7, 5))), 2),
    ("sequence", nn.Sequential(nn.Conv1d(2, 2, 7, 3, 3), nn.ReLU(), nn.Conv1d(2, 2, 3, dilation=4)), 1),
    ("volume", nn.Sequential(nn.Conv3d(2, 2, (1, 3, 3)), nn.AvgPool3d((2, 1, 2))), 3),
    ("padded and cropped", nn.Sequential(nn.ZeroPad2d((3, 0, 1, 2)), nn.Conv2d(2, 2, 3), nn.ZeroPad2d(-2)), 2),
]


OUT_OF_STEP = {"transposed", "nearest", "bilinear", "hourglass", "corners"}
"""Their units start out of step with each other, so that no interval of the largest unit's size holds them all.

Or, between corners, some read a pixel that has no weight there.
"""


@pytest.mark.parametrize(("name", "network", "axes"), NETWORKS, ids=[n[0] for n in NETWORKS])
def test_a_field_is_what_the_gradients_reach(name: str, network: nn.Module, axes: int) -> None:
    network = positive(network)
    sides = {1: (120,), 2: (41, 37), 3: (14, 20, 22)}[axes]
    if isinstance(network[0] if isinstance(network, nn.Sequential) else network, nn.PixelUnshuffle | UNet):
        sides = (40, 36)
    image = torch.rand(1, 2, *sides, dtype=torch.float64) + 0.5
    field = field_by_units(network, image)
    shape = network(image).shape[2:]
    assert [(axis.pixels, axis.units) for axis in field.axes] == list(zip(sides, shape, strict=True))
    middle = [size // 2 for size in shape]
    largest = [0] * axes
    earliest: list[list[float]] = [[] for _ in range(axes)]
    for step in range(-6, 7):
        unit = tuple(min(max(place + step, 0), size - 1) for place, size in zip(middle, shape, strict=True))
        try:
            boxes = seen_by(network, image, unit)
        except RuntimeError:
            continue  # a position of a gapped transposed convolution reads nothing
        for axis, (low, high) in enumerate(boxes):
            touches_border = low == 0 or high == sides[axis] - 1
            largest[axis] = max(largest[axis], high - low + 1)
            first = ceil(field.start[axis] + unit[axis] * field.stride[axis] - 1e-9)
            assert first <= low or low == 0
            assert high < first + field.size[axis]
            of_unit = window_of(field, axis, unit[axis])
            assert of_unit is not None
            assert of_unit[0] <= low
            assert high <= of_unit[1]
            if not touches_border:
                assert of_unit == (low, high) or not field.axes[axis].exact
                earliest[axis].append(low - unit[axis] * field.stride[axis])
    if name in OUT_OF_STEP:
        assert field.status == "upper_bound"
        return
    assert field.status == "exact"
    assert largest == field.size
    for axis, starts in enumerate(earliest):
        assert min(starts) == pytest.approx(field.start[axis])


def test_average_twins_stand_for_max_pooling() -> None:
    """The gradient of a maximum reaches one pixel; an average with the same window reaches all that may be it."""
    image = torch.rand(1, 2, 41, 37)
    for maximum, average in [
        (nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)),
        (nn.MaxPool2d(2, ceil_mode=True, return_indices=True), nn.AvgPool2d(2, ceil_mode=True)),
        (nn.LPPool2d(2, 3, 2), nn.AvgPool2d(3, 2)),
    ]:
        assert field_of(maximum, image) == field_of(average, image)
        assert field_of(maximum, image) is not None


IMAGE = torch.rand(2, 3, 32, 24)
WHOLE = {"status": "whole_input", "via": "here", "size": [32, 24], "stride": [0, 0], "start": [0, 0]}


def local(network: Callable[..., Any]) -> tuple[str | None, list[int] | None]:
    field = field_of(lambda x: network(F.conv2d(x, torch.ones(4, 3, 3, 3), padding=1)), IMAGE)
    assert field is not None
    return field.status, field.local_size


def test_flattening_keeps_the_local_field_and_a_linear_layer_behind_it_sees_everything() -> None:
    convolved = nn.Conv2d(3, 4, 3, 2)
    flat = field_of(lambda x: convolved(x).flatten(1), IMAGE)
    assert flat == ReceptiveField(status="exact", size=[3, 3], stride=[2, 2], start=[0, 0])
    back = field_of(lambda x: convolved(x).view(2, -1).view(2, 4, 15, 11), IMAGE)
    assert back == flat
    full = field_of(lambda x: F.linear(convolved(x).view(2, -1), torch.ones(5, 660)), IMAGE)
    assert full == ReceptiveField(**WHOLE)


@pytest.mark.parametrize(
    "norm",
    [
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
        nn.LayerNorm([4, 32, 24]),
        nn.BatchNorm2d(4).train(),
        lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
        lambda x: x.flatten(2).softmax(-1).view_as(x),
        lambda x: x - x.std(False),
    ],
    ids=["group", "instance", "layer", "batch in train", "gate", "softmax over space", "all"],
)
def test_norms_and_gates_over_space_see_everything_beside_their_local_field(norm: Callable[..., Any]) -> None:
    assert local(norm) == ("whole_input", [3, 3])


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(4).eval(),
        nn.Dropout(0.5),
        nn.ReLU(inplace=True),
        nn.Softmax(1),
        nn.LocalResponseNorm(2),
        nn.Conv2d(4, 2, 1),
        lambda x: x.permute(0, 2, 3, 1).contiguous() @ torch.ones(4, 5),
        lambda x: x[:, ::2].clone().mul_(2).add(1) / 3,
        lambda x: torch.stack(x.unbind(1), -1).sum(-1),
        lambda x: torch.einsum("bchw,cd->bdhw", x, torch.ones(4, 2)),
        lambda x: torch.where(x > 0, x, x.new_zeros(())),
        lambda x: x.split([1, 3], dim=1)[1],
        lambda x: F.glu(x, dim=1),
        lambda x: x.argmax(1),
        lambda x: F.normalize(x, dim=1),
        lambda x: F.channel_shuffle(x, 2),
        lambda x: torch.ops.aten.relu.default(x),
        lambda x: x + torch.ones(4, 1, 1).type_as(x.mean()),
        lambda x: x[:, torch.tensor([2, 0])],
        lambda x: x.repeat_interleave(2, dim=1).std(1, keepdim=True),
        lambda x: x.unsqueeze(2).squeeze(2).expand(2, 4, 32, 24).movedim(1, -1),
        lambda x: x.swapaxes(1, 3).transpose(-1, -3)[None, ..., 0, :, :][0],
    ],
)
def test_operations_without_a_window_keep_a_field(layer: Callable[..., Any]) -> None:
    assert local(layer) == ("exact", None)


def test_a_flattened_product_without_mixing_is_not_the_whole_input() -> None:
    field = field_of(lambda x: (x.flatten(1) * 2).relu(), IMAGE)
    assert field == ReceptiveField(status="exact", size=[1, 1], stride=[1, 1], start=[0, 0])


def test_an_operation_without_a_rule_is_unknown_from_there_on() -> None:
    field = field_of(lambda x: F.conv2d(F.grid_sample(x, torch.zeros(2, 5, 5, 2)), torch.ones(1, 3, 3, 3)), IMAGE)
    assert field == ReceptiveField(status="unknown", via="grid_sample")


def test_slices_flips_and_rolls_move_positions() -> None:
    sliced = field_of(lambda x: x[..., 4::2, :-3], IMAGE)
    assert sliced == ReceptiveField(status="exact", size=[1, 1], stride=[2, 1], start=[4, 0])
    narrow = field_of(lambda x: x.narrow(2, 5, 9).select(3, -1), IMAGE)
    assert narrow == ReceptiveField(status="exact", size=[1, 1], stride=[1, 0], start=[5, 23])
    flipped = field_of(lambda x: x.flip(2), IMAGE)
    assert flipped == ReceptiveField(status="exact", size=[1, 1], stride=[-1, 1], start=[31, 0])
    rolled = field_of(lambda x: torch.roll(torch.roll(x, 3, 2), -3, 2), IMAGE)
    assert rolled == ReceptiveField(status="exact", size=[1, 1], stride=[1, 1], start=[0, 0])


def test_what_is_assigned_to_a_constant_is_followed() -> None:
    def network(x: torch.Tensor) -> torch.Tensor:
        canvas = torch.zeros(2, 4, 32, 24)
        canvas[:, 1:] = F.conv2d(x, torch.ones(3, 3, 5, 3), padding=(2, 1))
        return canvas

    field = field_of(network, IMAGE)
    assert field == ReceptiveField(status="exact", size=[5, 3], stride=[1, 1], start=[-2, -1])


def test_what_is_written_through_a_view_is_followed() -> None:
    kernel = torch.ones(3, 3, 5, 3)

    def added(x: torch.Tensor) -> torch.Tensor:
        y = x * 1
        y[:, 1:] += F.conv2d(x, kernel, padding=(2, 1))[:, 1:]
        return y

    def copied(x: torch.Tensor) -> torch.Tensor:
        canvas = torch.zeros(2, 3, 32, 24)
        canvas[:, :2].copy_(F.conv2d(x, kernel, padding=(2, 1))[:, :2])
        return canvas

    def part(x: torch.Tensor) -> torch.Tensor:
        canvas = torch.zeros(2, 3, 32, 40)
        canvas[..., 3:27].copy_(x)
        return canvas

    five = ReceptiveField(status="exact", size=[5, 3], stride=[1, 1], start=[-2, -1])
    assert field_of(added, IMAGE) == field_of(copied, IMAGE) == five
    assert field_of(part, IMAGE) == ReceptiveField(status="exact", size=[1, 1], stride=[1, 1], start=[0, -3])


def test_patches_cut_by_hand_are_bounded_by_the_patch() -> None:
    def viewed(x: torch.Tensor) -> torch.Tensor:
        patches = x.view(2, 3, 4, 8, 3, 8).permute(0, 2, 4, 1, 3, 5).reshape(2, 12, 192)
        return F.linear(patches, torch.ones(5, 192))

    def unfolded(x: torch.Tensor) -> torch.Tensor:
        return x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3).sum(-1)

    def columns(x: torch.Tensor) -> torch.Tensor:
        return F.linear(F.unfold(x, 8, stride=8).transpose(1, 2), torch.ones(5, 192))

    for network in (viewed, unfolded, columns):
        field = field_of(network, IMAGE)
        assert field is not None
        assert (field.size, field.stride, field.start) == ([8, 8], [8, 8], [0, 0])


def test_max_unpooling_is_a_bound() -> None:
    def unpooled(x: torch.Tensor) -> torch.Tensor:
        return F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)

    field = field_of(unpooled, IMAGE)
    assert field is not None
    # Two positions see the same two pixels, and the stride is one: three hold what either sees.
    assert (field.status, field.size) == ("upper_bound", [3, 3])


def test_fractional_pooling_stays_within_its_bound() -> None:
    pool = nn.FractionalMaxPool2d(3, output_size=(11, 8), return_indices=True)
    field = field_of(pool, IMAGE)
    assert field is not None
    assert field.status == "upper_bound"
    reach = [0, 0]
    for _ in range(60):
        _, indices = pool(torch.rand(1, 1, 32, 24))
        for axis, places in enumerate((indices // 24, indices % 24)):
            units = torch.arange(places.shape[2 + axis]).unsqueeze(-1) if axis == 0 else torch.arange(places.shape[3])
            offset = places - torch.ceil(units * field.stride[axis] + field.start[axis])
            assert offset.min() >= 0
            reach[axis] = max(reach[axis], int(offset.max()) + 1)
    assert reach == field.size == [4, 3]


IDS = torch.randint(0, 10, (2, 7))


def test_sequences_are_told_along_their_positions() -> None:
    embedding = nn.Embedding(10, 4)
    one = ReceptiveField(status="exact", size=[1], stride=[1], start=[0])
    assert field_of(embedding, IDS) == one
    assert field_of(nn.Linear(4, 3), torch.rand(2, 7, 4)) == one
    assert field_of(lambda ids: F.conv1d(embedding(ids).transpose(1, 2), torch.ones(1, 4, 3)), IDS) == ReceptiveField(
        status="exact", size=[3], stride=[1], start=[0]
    )


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: nn.LSTM(4, 5, batch_first=True)(x)[0],
        lambda x: nn.GRU(4, 5, batch_first=True, bidirectional=True)(x),
        nn.MultiheadAttention(4, 2, batch_first=True),
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: (x @ x.transpose(1, 2)).softmax(-1) @ x,
    ],
    ids=["lstm", "gru", "attention", "encoder layer", "sdpa", "by hand"],
)
def test_recurrence_and_attention_see_the_whole_sequence(layer: Any) -> None:
    if layer.__class__ is nn.MultiheadAttention:
        field = field_of(lambda x: layer(x, x, x), torch.rand(2, 7, 4))
    else:
        field = field_of(layer, torch.rand(2, 7, 4))
    assert field is not None
    assert (field.status, field.size) == ("whole_input", [7])


def test_a_recurrent_layer_with_time_first_is_told_along_time() -> None:
    field = field_of(nn.LSTM(4, 5), torch.rand(7, 2, 4))
    assert field is not None
    assert (field.status, field.size) == ("whole_input", [7])


def test_vectors_and_constants_have_no_receptive_field() -> None:
    assert field_of(nn.Linear(4, 3), torch.rand(2, 4)) is None
    assert field_of(lambda x: torch.zeros_like(x) + torch.ones(x.shape), IMAGE) is None


def test_outputs_in_containers_and_odd_calls_do_not_raise() -> None:
    field = field_of(lambda x: {"scores": [F.avg_pool2d(x, 2)], "other": x}, IMAGE)
    assert field is not None
    assert field.size == [2, 2]
    tracker = FieldTracker([IMAGE])
    result = torch.zeros(2, 3)
    tracker.observe(Returned(torch.conv2d, (IMAGE, "nonsense"), {}, result), "")
    assert told(tracker, result) == ReceptiveField(status="unknown", via="conv2d")
    assert told(tracker, None) is None


def test_a_second_pass_starts_afresh_on_the_same_tensor() -> None:
    first, second = FieldTracker([IMAGE]), FieldTracker([torch.rand(1, 3, 8, 8)])
    assert told(first, IMAGE) is not None
    assert told(second, IMAGE) is None
