"""Sizes that a model was built with and names as its inputs are named: ``img_size=(48, 160)``, ``latent_dim=62``.

They stand in its attributes or in the defaults of its constructor. Not believed until a pass has borne them out.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from torch import nn

from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.repairing import Guess
from inspector.engine.pytorch.signatures import unwrapped

IMAGE_SIZES = (
    "img_size", "image_size", "input_size", "input_resolution", "resolution", "im_size", "imgsz", "imsize",
    "image_shape", "img_shape", "input_shape", "patches_resolution", "spatial_size", "sample_size",
)  # fmt: skip
_NOISE = "latent_dim latent_size z_dim zdim z_size nz n_z noise_dim noise_size dim_z z_channels"
_CLASSES = "num_classes n_classes nclasses n_class num_class num_labels n_labels label_dim class_dim y_dim"
_CODE = "code_dim code_size con_dim"
SIZES_OF = {
    **dict.fromkeys(("noise", "z", "latent", "latents", "latent_vector"), _NOISE.split()),
    **dict.fromkeys(("labels", "label", "y", "classes", "class_labels", "one_hot"), _CLASSES.split()),
    **dict.fromkeys(("code", "codes"), _CODE.split()),
}


def image_sizes(model: nn.Module, batch: int) -> Iterator[tuple[list[InputSpec], str]]:
    """Images with as many channels as the first convolution takes, and where their size is declared."""
    model = unwrapped(model)
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is None:
        return
    values = _built_with(model)
    for name in IMAGE_SIZES:
        size = values.get(name)
        if isinstance(size, tuple | list) and len(size) == 3 and size[0] == first.in_channels:
            size = size[1:]
        if isinstance(size, tuple | list) and len(size) == 2 and all(_is_size(each) for each in size):
            yield [InputSpec(shape=[batch, first.in_channels, *size])], f"its {name}"


def guesses_by_sizes(model: nn.Module, batch: int) -> Iterator[Guess]:
    """Where every input has a size by its name: rows of that size, and labels as numbers or one-hot.

    What joins several inputs takes any split of their sizes: only their names tell which.
    """
    names = [each.name for each in required_parameters(model)]
    values = _built_with(unwrapped(model))
    sizes = [_size_named_as(name, values) for name in names]
    if len(names) > 1 and all(size is not None for size in sizes):
        yield tuple(InputSpec(name=name, shape=[batch, size or 1]) for name, size in zip(names, sizes, strict=True))


def _size_named_as(name: str, values: dict[str, Any]) -> int | None:
    bare = name.lower()
    own = [*SIZES_OF.get(bare, []), f"{bare}_dim", f"{bare}_size", f"{bare}_features", f"n_{bare}", f"num_{bare}"]
    return next((values[each] for each in own if _is_size(values.get(each))), None)


def _built_with(model: nn.Module) -> dict[str, Any]:
    """Plain values by their names: the model's attributes, else the defaults of its constructor."""
    try:
        parameters = inspect.signature(type(model).__init__).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    return defaults | {name: value for name, value in vars(model).items() if not name.startswith("_")}


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 14
