"""What the operations of a pass put out over many samples: the one form in which both engines tell it to the rules."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from inspector.core.table import Source

Role = Literal["weight", "rectifier", "bounded", "output"]
POSITIONS = 4096
"""Elements of a sample that are looked at for deviations, evenly spread."""


@dataclass(frozen=True)
class Activation:
    """One operation over all samples."""

    path: str
    type: str
    """``linear``, ``relu``, ``Gemm``; of an output its name."""
    source: Source | None
    role: Role
    """`weight` multiplies by weights, `rectifier` is 0 for part of its input, `bounded` levels off on both sides."""
    std: float
    """Over samples and positions; NaN where a value is not finite."""
    spread: float | None
    """Mean over positions of the deviation between samples, as a share of `std`: 0 where every sample is the same.

    None where the samples cannot be told apart.
    """
    largest: float
    dtype: str
    incoming_std: float | None = None
    """Of what a `weight` operation multiplies."""
    zero_weight: bool = False
    gain: float | None = None
    """Of its weights: root mean square times √fan_in, the effective one."""
    before: int | None = None
    """The operation of role `weight` whose output reaches this one alone and not normalised; its place in the list."""
    through: str = ""
    """The non-linearity on the way from `before`; "" for none."""
    units: int = 0
    dead: int = 0
    """Units of a rectifier that are 0 for every sample and position."""
    values: int = 0
    """Values that each unit is judged by."""
    saturated: float | None = None
    """Share of a `bounded` operation's values where its slope is next to nothing."""
    final: bool = False
    """Whether what it makes is an output of the model as it is."""


@dataclass(frozen=True)
class InitialLoss:
    """What cross-entropy with random labels says of one output that can be logits."""

    name: str
    path: str
    source: Source | None
    classes: int
    loss: float
    std: float


@dataclass(frozen=True)
class Activations:
    """A model's operations in the order in which they ran."""

    operations: list[Activation]
    samples: int
    drawn: str
    """What they were made of, in words: ``a batch of 64 random samples``."""
    losses: list[InitialLoss] = field(default_factory=list)

    @property
    def outputs(self) -> list[Activation]:
        """What the model puts out, of those whose samples can be told apart."""
        return [one for one in self.operations if one.role == "output" and one.spread is not None]

    @property
    def weighted(self) -> list[Activation]:
        """The operations that multiply by weights."""
        return [one for one in self.operations if one.role == "weight"]


@dataclass
class Gathered:
    """What is known of one operation while samples come in."""

    path: str
    type: str
    source: Source | None
    role: Role
    dtype: str = "float32"
    rows: list[npt.NDArray[np.float64]] = field(default_factory=list)
    told_apart: bool = True
    largest: float = 0.0
    incoming: list[npt.NDArray[np.float64]] = field(default_factory=list)
    high: torch.Tensor | None = None
    """By unit, the largest absolute value so far."""
    values: int = 0
    level: int = 0
    counted: int = 0
    zero_weight: bool = False
    gain: float | None = None
    before: int | None = None
    through: str = ""
    final: bool = False

    def take(self, output: torch.Tensor, samples: int) -> None:
        """Add what a run over this many samples made."""
        self.dtype = str(output.dtype).removeprefix("torch.")
        rows = samples if output.dim() and output.shape[0] % samples == 0 else 1
        self.told_apart &= rows == samples
        self.rows.append(_sampled(output, rows))
        if output.numel():
            low, high = output.aminmax()
            self.largest = max(self.largest, abs(float(low)), abs(float(high)))

    def take_incoming(self, value: torch.Tensor) -> None:
        """Add what the weights are multiplied with."""
        self.incoming.append(_sampled(value, 1))

    def take_units(self, output: torch.Tensor, axis: int) -> None:
        """Add the largest value of each unit, which lie along `axis`."""
        axis %= output.dim()
        high = output.abs().amax([at for at in range(output.dim()) if at != axis]) if output.dim() > 1 else output.abs()
        self.high = high if self.high is None or self.high.shape != high.shape else torch.maximum(self.high, high)
        self.values += output.numel() // max(1, len(high))

    def take_levels(self, is_level: torch.Tensor) -> None:
        """Count where the slope is next to nothing."""
        self.level += int(is_level.sum())
        self.counted += is_level.numel()

    def told(self) -> Activation:
        """All of it in numbers."""
        spread = None
        same = len({row.shape[1] for row in self.rows}) == 1
        values = np.concatenate(self.rows) if same else np.concatenate([row.ravel() for row in self.rows])[None]
        with np.errstate(invalid="ignore"):
            std = float(values.std()) if values.size else 0.0
        if same and self.told_apart and len(values) > 1:
            spread = float(values.std(0).mean()) / std if std > 0 else 0.0
        return Activation(
            path=self.path,
            type=self.type,
            source=self.source,
            role=self.role,
            std=std,
            spread=spread if spread is None or np.isfinite(spread) else None,
            largest=self.largest,
            dtype=self.dtype,
            incoming_std=float(np.concatenate([one.ravel() for one in self.incoming]).std()) if self.incoming else None,
            zero_weight=self.zero_weight,
            gain=self.gain,
            before=self.before,
            through=self.through,
            units=0 if self.high is None else len(self.high),
            dead=0 if self.high is None else int((self.high == 0).sum()),
            values=self.values,
            saturated=self.level / self.counted if self.counted else None,
            final=self.final,
        )


def rectifies(output: torch.Tensor, value: torch.Tensor, named: bool) -> bool:
    """Whether `output` is never negative and 0 in part where `value` is negative.

    All zeros is also what a multiplication by 0 makes: then only an operation with the name of one counts.
    """
    low, high = output.aminmax()
    if float(low) != 0 or not float(value.min()) < 0:
        return False
    return named or (float(high) > 0 and bool((output[value < 0] == 0).all()))


RECTIFIERS = {"relu", "relu6", "threshold", "clamp", "clip", "clamp_min", "maximum"}
BOUNDED = {
    "sigmoid": lambda output: (output * (1 - output)).abs() < LEVEL / 4,
    "tanh": lambda output: (1 - output.square()).abs() < LEVEL,
    "hardsigmoid": lambda output: (output <= 0) | (output >= 1),
    "hardtanh": lambda output: output.abs() >= 1,
}
"""Where each levels off."""
LEVEL = 0.0266
"""Of its steepest slope: that of a sigmoid at ±5 (DeepDiagnosis, 2022)."""


def _sampled(tensor: torch.Tensor, rows: int) -> npt.NDArray[np.float64]:
    if not tensor.numel():
        return np.zeros((rows, 0))
    flat = tensor.detach().reshape(rows, -1)
    # As many as a whole number of steps gives, spread over all positions.
    step = max(1, flat.shape[1] // (POSITIONS if rows > 1 else 4 * POSITIONS))
    step += step > 1 and step % 2 == 0  # an even step would meet the same columns of most images only
    return flat[:, ::step].to(torch.float64).cpu().numpy()
