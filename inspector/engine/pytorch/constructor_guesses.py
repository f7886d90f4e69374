"""Constructor arguments with which a model takes a file: classes, channels, width and depth read off its tensors."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import torch
from torch import nn

from inspector.core.recipe import as_typed
from inspector.core.repair import RepairReport
from inspector.engine.pytorch.opening import Constructor

MOST_ATTEMPTS = 16
_USUAL = (
    "num_classes", "n_classes", "classes", "num_labels", "in_channels", "in_chans", "input_channels", "vocab_size",
    "out_features", "out_channels", "hidden_size", "hidden_dim", "embed_dim", "d_model", "dim", "width", "depth",
    "num_layers", "n_layers",
)  # fmt: skip
"""Names to try where a constructor takes any name."""


def better_arguments(
    constructor: Constructor,
    report: RepairReport,
    keys: tuple[Sequence[str], Sequence[str]],
    loads: Callable[[nn.Module], bool],
) -> str:
    """Arguments, as typed after ``--args``, with which the file fits; "" where none are found.

    `keys` are those of the file's state_dict and of the model's. Each attempt makes the model without memory, and
    counts only if `loads` says so.
    """
    sizes = _sizes(report, keys)
    for attempt in islice(_attempts(constructor.values, constructor.takes_any_name, sizes), MOST_ATTEMPTS):
        try:
            with torch.device("meta"):
                model = constructor.rebuild(attempt)
        except Exception:  # whatever a constructor makes of numbers that it did not expect
            continue
        if loads(model):
            return as_typed([], attempt)
    return ""


def _attempts(
    values: dict[str, object], takes_any_name: bool, sizes: list[tuple[int, int]]
) -> Iterator[dict[str, object]]:
    """All arguments that have one of the model's sizes at once, then one by one, then usual names."""
    wanted = dict(reversed(sizes))
    fitting: dict[str, object] = {
        name: wanted[value] for name, value in values.items() if type(value) is int and value in wanted
    }
    if len(fitting) > 1:
        yield fitting
    yield from ({name: value} for name, value in fitting.items())
    if takes_any_name:
        for _, size in sizes:
            for name in _USUAL:
                if name not in values:
                    yield {name: size}


def _sizes(report: RepairReport, keys: tuple[Sequence[str], Sequence[str]]) -> list[tuple[int, int]]:
    """(a size in the model, what it is in the file): along axes that differ, and of how many modules are in a row."""
    found: dict[tuple[int, int], None] = {}
    for one in report.mismatched:
        if len(one.file_shape) == len(one.model_shape):
            for file, model in zip(one.file_shape, one.model_shape, strict=True):
                if file != model:
                    found[model, file] = None
    rows_of_file, rows_of_model = map(_rows, keys)
    for name, count in rows_of_model.items():
        if rows_of_file.get(name, count) != count:
            found[count, rows_of_file[name]] = None
    return list(found)


def _rows(keys: Sequence[str]) -> dict[str, int]:
    """How many numbered modules stand under each name, by its last part."""
    numbers: dict[str, set[str]] = {}
    for key in keys:
        for row in re.finditer(r"(?:^|\.)([^.]*[^.\d][^.]*)\.(\d+)(?=\.)", key):
            numbers.setdefault(row[1], set()).add(row[2])
    return {name: len(found) for name, found in numbers.items()}
