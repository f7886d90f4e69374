"""How much memory a model takes: what is asked for, and what is answered."""

import re
from collections.abc import Callable
from typing import Literal

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.core.record import Record
from inspector.core.table import Note, Output
from inspector.core.wording import printable, shape, shortened

Optimizer = Literal["none", "sgd", "adam"]
Use = Literal["parameters", "buffers", "inputs", "gradients", "optimizer", "saved", "other"]
DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""Floating-point types to choose from, by their short names."""
OPTIMIZERS: dict[Optimizer, str] = {"none": "no optimizer", "sgd": "SGD with momentum", "adam": "Adam"}
USES: dict[Use, str] = {
    "parameters": "parameters",
    "buffers": "buffers",
    "inputs": "inputs",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "saved": "kept for backward",
    "other": "outputs and work space",
}
"""What memory is in use for.

"gradients" are those of parameters; "saved" is counted from the moment at which something is kept for the backward
pass; "other" is what is on its way between calls, forward or back, and what operations make on the way to it.
"""
NOT_INCLUDED = (
    "not in these figures: the allocator's rounding and cache, work space of cuDNN and cuBLAS, the CUDA context"
)
MOST_SAMPLES = 1 << 24
"""No larger batch is looked for."""
_MOST_BYTES = 2**63 - 1


class MemorySettings(Record, frozen=True, kw_only=True):
    """For which run of the model memory is to be told."""

    inputs: list[InputSpec] = []
    """Those of the last pass where there are none."""
    batch: int | None = None
    """The first axis of the inputs; None leaves it as it is."""
    dtype: str | None = None
    """Of the floating parameters, buffers and inputs; None leaves them as they are."""
    optimizer: Optimizer = "adam"
    limit: int | None = None
    """Bytes for which the largest batch is to be found."""
    devices: list[str] = []
    """On which it is to be told whether it fits."""


class Peak(Record, frozen=True, kw_only=True):
    """The moment at which most bytes are in use."""

    bytes: int
    phase: Literal["forward", "backward", "step"]
    """In "step" the optimizer changes the parameters."""
    path: str | None = None
    """Of the call that runs then; its caller's where it is a function. None where it is not known."""
    type: str = ""
    row: int | None = None
    """Index of its row, or of the nearest around it that the table has."""
    uses: dict[Use, int] = {}
    """What they are in use for; adds up to `bytes`."""


class RowMemory(Record, frozen=True, kw_only=True):
    """One row of the table."""

    output_bytes: int | None = None
    """What the elements of its outputs take."""
    saved_bytes: int | None = None
    """Kept for the backward pass by it and all below it: each storage once, at the call that kept it first.
    Parameters, buffers and the model's inputs are there anyway and are not counted."""


class Fitting(Record, frozen=True, kw_only=True):
    """The largest batches within `limit` bytes; 0 where not even one sample fits, None where it is not known."""

    limit: int
    inference: int | None = None
    training: int | None = None


class DeviceFit(Record, frozen=True, kw_only=True):
    """Whether a model fits on a device beside what is there."""

    device: str
    free_bytes: int | None
    held_bytes: int = 0
    """Of the model itself, already there."""
    inference_left: int | None = None
    """Of the free memory at the peak of inference; what is negative is lacking, None where it is not known."""
    training_left: int | None = None


class MemoryReport(Record, frozen=True, kw_only=True):
    """Memory in inference and in training, at one batch size, dtype and optimizer.

    `rows` are aligned with the table's. Each storage is counted once, however many tensors look into it.
    """

    inputs: list[Output]
    batch: int | None
    """The first axis of the first input; None where there is no such axis."""
    dtype: str
    """Of the floating parameters: "float32", "float16, float32" where they differ, "" without any."""
    optimizer: Optimizer
    parameter_bytes: int
    buffer_bytes: int
    """And of the tensors that modules hold without having registered them."""
    input_bytes: int
    gradient_bytes: int | None = None
    """Of the parameters after a backward pass. This, and what follows, is None where the model cannot be trained."""
    optimizer_bytes: int | None = None
    """What the optimizer keeps between steps."""
    saved_bytes: int | None = None
    """The root row's."""
    inference: Peak | None = None
    training: Peak | None = None
    fitting: Fitting | None = None
    rows: list[RowMemory] = []
    notes: list[Note] = []
    devices: list[DeviceFit] = []
    """Of those asked about; all of the model is thought to be there."""


def place_of(peak: Peak) -> str:
    """Where a peak is, in words: "in the backward pass of layer4.0.conv1 (Conv2d)"."""
    if peak.phase == "step":
        return "in the optimizer's step"
    if peak.path is None:
        return f"in the {peak.phase} pass"
    call = f"{printable(peak.path) or 'the model itself'} ({printable(peak.type)})"
    return f"in {call}" if peak.phase == "forward" else f"in the backward pass of {call}"


def setting_of(report: MemoryReport) -> str:
    """What the figures are for: "x 8×3×224×224, bfloat16, Adam"."""
    inputs = [f"{printable(one.name)} {shape(one.shape)}".lstrip() for one in report.inputs]
    return ", ".join([*inputs, *([report.dtype] if report.dtype else []), OPTIMIZERS[report.optimizer]])


def parse_size(text: str) -> int:
    """Bytes in a size such as ``24GiB``, ``24G`` (the same) or ``24GB`` (10⁹ each).

    Raises RequestError where it is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(?:([kmgt])(i?b)?|b)?\s*", text.lower())
    base = 1000 if found and found[3] == "b" else 1024
    size = float(found[1]) * base ** (" kmgt".index(found[2]) if found[2] else 0) if found else 0.0
    if size < 1:
        raise RequestError(f"{shortened(text)!r} is no size of memory; write one such as 24GiB")
    if size > _MOST_BYTES:
        raise RequestError(f"{shortened(text)!r} is more than any machine has; write a size such as 24GiB")
    return int(size)


def largest_batch(limit: int, peak: Callable[[int], int]) -> int:
    """The largest batch whose peak is within `limit`, where a larger batch never takes less; 0 where there is none.

    Peaks grow by nearly the same amount with each sample, so the line through two known ones tells where to look.
    """
    fits, taken = 0, peak(1)
    if taken > limit:
        return 0
    fits, below = 1, taken
    too_large: int | None = None
    above = 0
    step = 1
    while too_large is None or too_large - fits > 1:
        if too_large is None:
            guess = min(fits + step, MOST_SAMPLES)
            step *= 8
        else:
            guess = fits + (limit - below) * (too_large - fits) // max(1, above - below)
            guess = min(max(guess, fits + 1), too_large - 1)
        taken = peak(guess)
        if taken > limit:
            too_large, above = guess, taken
        elif guess == MOST_SAMPLES:
            return guess
        else:
            fits, below = guess, taken
    return fits
