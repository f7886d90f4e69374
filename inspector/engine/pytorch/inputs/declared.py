"""Inputs that a model declares, in itself or in its source. Not believed until a pass has borne them out."""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch import nn

from inspector.core.input_names import argument_of
from inspector.core.recipe import InputSpec
from inspector.engine.pytorch.inputs.constructed import image_sizes
from inspector.engine.pytorch.inputs.examples_in_source import examples_of_calls, shapes_in_words
from inspector.engine.pytorch.inputs.first_guesses import required_parameters
from inspector.engine.pytorch.inputs.repairing import Guess
from inspector.engine.pytorch.signatures import unwrapped
from inspector.engine.pytorch.source_lines import is_user_file

MOST_EXAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class Example:
    """An input, and where it is declared."""

    guess: Guess
    where: str


def declared_examples(model: nn.Module, target: str, batch: int, usual: Guess) -> list[Example]:
    """Likely ones first; `usual` has the inputs that an example does not name."""
    names = [each.name for each in required_parameters(model)]
    found: list[Example] = []
    sources = (
        _of_attributes(model),
        _of_configuration(model, batch),
        _of_weights(target, batch),
        _of_calls(model, target, batch),
        image_sizes(model, batch),
        _of_words(model, names, batch),
    )
    for specs, where in (pair for source in sources for pair in source):
        guess = _named(specs, names, usual)
        if guess is not None and all(guess != example.guess for example in found):
            found.append(Example(guess=guess, where=where))
    return found[:MOST_EXAMPLES]


def _named(specs: list[InputSpec], names: list[str], usual: Guess) -> Guess | None:
    """The specs by the names of their arguments, and the usual ones of those that are missing."""
    taken = {spec.name for spec in specs if spec.name}
    free = [name for name in names if name not in taken]
    if len([spec for spec in specs if not spec.name]) > len(free):
        return None
    unnamed = iter(free)
    named = [spec if spec.name else replace(spec, name=next(unnamed)) for spec in specs]
    given = {spec.name for spec in named}
    beside = [spec for spec in usual if argument_of(spec.name) not in given]
    order = {name: place for place, name in enumerate(names)}
    return tuple(sorted([*named, *beside], key=lambda spec: order.get(argument_of(spec.name), len(order))))


def _of_configuration(model: nn.Module, batch: int) -> Iterator[tuple[list[InputSpec], str]]:
    """timm's `pretrained_cfg`, and the `config` of Hugging Face's vision models."""
    for attribute in ("pretrained_cfg", "default_cfg"):
        size = _entry(_entry(model, attribute), "input_size")
        if isinstance(size, tuple | list) and all(isinstance(each, int) for each in size):
            yield [InputSpec(shape=[batch, *size])], f"its {attribute}"
    config = _entry(model, "config")
    side, channels = _entry(config, "image_size"), _entry(config, "num_channels")
    if isinstance(side, int):
        name = _entry(model, "main_input_name")
        shape = [batch, channels if isinstance(channels, int) else 3, side, side]
        yield [InputSpec(name=name if name == "pixel_values" else "", shape=shape)], "its config"


def _entry(holder: Any, name: str) -> Any:
    try:
        return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
    except Exception:
        return None


def _of_weights(target: str, batch: int) -> Iterator[tuple[list[InputSpec], str]]:
    """The crop that the transforms of torchvision's own weights make."""
    if not target.startswith("torchvision.models"):
        return
    try:
        models = sys.modules["torchvision.models"]
        weights = models.get_model_weights(_builder(target)).DEFAULT
        size = weights.transforms.keywords.get("crop_size")
        frames = weights.meta.get("min_temporal_size", 16)
    except Exception:  # a model without weights, or another version of torchvision
        return
    where = f"the transforms of {type(weights).__name__}"
    if isinstance(size, int):
        yield [InputSpec(shape=[batch, 3, size, size])], where
    elif isinstance(size, tuple | list) and len(size) == 2:
        yield [InputSpec(shape=[batch, 3, max(16, frames), *size])], where


def _builder(target: str) -> str:
    module, _, name = target.rpartition(":")
    return f"quantized_{name}" if module.endswith(".quantization") else name


def _source_of(model: nn.Module, target: str) -> tuple[str, str]:
    """The file that defines the model and its text; "" where it is torch's own."""
    try:
        file = inspect.getsourcefile(type(model)) or ""
    except (OSError, TypeError):
        return "", ""
    if not file or not is_user_file(file) or "torchvision" in file:
        head = target.rpartition(":")[0] if target.rpartition(":")[0].endswith(".py") else target
        file = head if head.endswith(".py") else ""
    try:
        return file, Path(file).read_text(encoding="utf-8") if file else ""
    except (OSError, UnicodeDecodeError):
        return "", ""


def _of_calls(model: nn.Module, target: str, batch: int) -> Iterator[tuple[list[InputSpec], str]]:
    model = unwrapped(model)
    file, text = _source_of(model, target)
    made_by = {type(model).__name__, target.rpartition(":")[2]}
    for example in examples_of_calls(text, made_by):
        specs = example.specs
        if example.batch_is_missing:
            specs = [replace(spec, shape=[batch, *(spec.shape or [])]) for spec in specs]
        yield specs, f"{Path(file).name}, line {example.line}"


def _of_words(model: nn.Module, names: list[str], batch: int) -> Iterator[tuple[list[InputSpec], str]]:
    """Shapes in the docstrings and comments of the model's class."""
    model = unwrapped(model)
    file, _ = _source_of(model, "")
    try:
        lines, first = inspect.getsourcelines(type(model)) if file else ([], 0)
    except (OSError, TypeError):
        return
    by_name: dict[str, InputSpec] = {}
    line_of: dict[str, int] = {}
    for number, sizes in shapes_in_words("".join(lines)):
        text = lines[number - 1]
        if "#" not in text and re.search(r"^\s*(self\.|return |[\w, ]+ = )", text):
            continue
        spec = InputSpec(shape=[batch, *sizes])
        for name in names:
            if re.match(rf"\s*#?\s*:?(param )?{re.escape(name)}\b", text) and name not in by_name:
                by_name[name], line_of[name] = replace(spec, name=name), first + number - 1
        if len(names) == 1:
            yield [spec], f"{Path(file).name}, line {first + number - 1}"
    if by_name and len(names) > 1:
        yield list(by_name.values()), f"{Path(file).name}, line {min(line_of.values())}"


def _of_attributes(model: nn.Module) -> list[tuple[list[InputSpec], str]]:
    """`example_input_array` (Lightning) or `dummy_inputs` (Hugging Face), where they hold tensors."""
    found = []
    for attribute in ("example_input_array", "dummy_inputs"):
        try:
            value = getattr(model, attribute, None)
        except Exception:
            continue
        named = value.items() if isinstance(value, dict) else None
        values = [("", value)] if isinstance(value, torch.Tensor) else list(named or [])
        if isinstance(value, tuple | list):
            values = [("", part) for part in value]
        if values and all(isinstance(tensor, torch.Tensor) for _, tensor in values):
            found.append(([spec_of(name, tensor) for name, tensor in values], f"its {attribute}"))
    return found


def spec_of(name: str, tensor: torch.Tensor) -> InputSpec:
    """The spec of inputs like a tensor."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_floating_point() or tensor.numel() == 0 or tensor.is_meta or dtype == "bool":
        return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype)
    low, high = float(tensor.min()), float(tensor.max()) + 1
    return InputSpec(name=name, shape=list(tensor.shape), dtype=dtype, distribution="range", low=low, high=high)
