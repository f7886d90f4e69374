"""Fans, gains, and an initialiser's formula worked through with a tensor's numbers.

The fan-in is how many products are summed into one output, the fan-out how many into one input's gradient. torch
counts both from the shape alone (`torch.nn.init._calculate_fan_in_and_fan_out`), which misjudges grouped, strided and
transposed convolutions; the effective fans count what is really summed.
"""

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import structs

from inspector.core.activation_gains import ACTIVATIONS, moment_gain, worked_out
from inspector.core.initialisers import INITIALISERS, InitialiserCall
from inspector.core.record import Record


class Layout(Record, frozen=True, kw_only=True):
    """How a layer uses its weight."""

    kind: Literal["output_first", "transposed", "input_first", "lookup"] = "output_first"
    """`output_first`: (out, in/groups, kernel…), a linear or convolution weight. `transposed`: (in, out/groups,
    kernel…), a transposed convolution. `input_first`: (in, out), as in ``x @ w``. `lookup`: rows are looked up, so
    nothing is summed."""
    groups: int = 1
    stride: list[int] = []
    """Of the convolution; empty means 1."""
    stacked: int = 0
    """Leading axes that number weights of their own: the directions of a recurrent layer, the batch of a product."""
    gates: int = 1
    """Weights one below the other along the first axis behind those, each drawn by itself: 4 in an ONNX LSTM."""
    blocks: int = 1
    """Weights one below the other along the first axis that torch counts as one: the gates of `nn.LSTM`, the query,
    key and value projections of attention."""

    def part(self, shape: Sequence[int]) -> list[int]:
        """The shape of one of the weights that a tensor holds."""
        own = list(shape[self.stacked :])
        return [own[0] // self.gates, *own[1:]] if self.gates > 1 else own


def fans(shape: Sequence[int], layout: Layout = Layout()) -> tuple[int, int] | None:  # noqa: B008  # frozen
    """(fan_in, fan_out) as torch counts them; None below two axes.

    An `input_first` matrix counts as its transpose, and where a tensor holds several weights each counts by itself.
    """
    shape = layout.part(shape)
    if len(shape) < 2:
        return None
    out_axis, in_axis = (1, 0) if layout.kind == "input_first" else (0, 1)
    kernel = math.prod(shape[2:])
    return shape[in_axis] * kernel, shape[out_axis] * kernel


def effective_fans(shape: Sequence[int], layout: Layout) -> tuple[float, float] | None:
    """(fan_in, fan_out) as summed away from the borders, on average where a stride skips; None where nothing is."""
    counted = fans(shape, layout)
    if counted is None or layout.kind == "lookup":
        return None
    steps = math.prod(layout.stride)
    if layout.kind == "transposed":
        # Each input pixel is spread over a kernel of outputs that lie `stride` apart.
        return counted[1] / layout.groups / steps, float(counted[0])
    return float(counted[0]), counted[1] / layout.groups / layout.blocks / steps


def used_fans(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> tuple[float, float] | None:
    """(fan_in, fan_out) that a call scales by: torch's, or the effective ones where it asks for them.

    The positions that a convolution's stride skips are not taken off its fan-out: everybody's formula counts them.
    """
    counted = fans(shape, layout)
    if counted is None or call.complete.get("fan") != "effective":
        return counted
    steps = [] if layout.kind != "transposed" else layout.stride
    return effective_fans(shape, structs.replace(layout, stride=steps)) or counted


def correction(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> float:
    """What the values that torch's function draws with `torch_arguments` are multiplied by; 1 where they stay."""
    counted, used = fans(shape, layout), used_fans(call, shape, layout)
    factor = 1.0
    if call.name.startswith("kaiming"):
        nonlinearity, out = str(call.complete["nonlinearity"]), call.complete["mode"] == "fan_out"
        factor = moment_gain(nonlinearity) if nonlinearity in ACTIVATIONS else 1.0
        if counted and used and used[out]:
            factor *= math.sqrt(counted[out] / used[out])
    elif call.name.startswith("xavier") and counted and used and sum(used):
        factor = math.sqrt(sum(counted) / sum(used))
    return factor


def orthogonal_blocks(call: InitialiserCall, layout: Layout) -> int:
    """Into how many blocks along the first axis a tensor is cut, each orthogonal by itself."""
    if call.name not in ("orthogonal_", "lsuv") or call.complete.get("fan") == "torch":
        return 1
    return layout.groups * layout.blocks


def predicted_scale(shape: Sequence[int], layout: Layout, second_moment: float) -> tuple[float | None, float | None]:
    """What the layer multiplies the root mean square by, forward and backward: √fan·rms(w), borders left aside.

    For a tensor of that shape whose values have that mean square, inputs and gradients independent around 0. What is
    looked up has the scale of the values themselves; None below two axes.
    """
    if layout.kind == "lookup":
        return math.sqrt(second_moment), None
    effective = effective_fans(shape, layout)
    if effective is None:
        return None, None
    return math.sqrt(effective[0] * second_moment), math.sqrt(effective[1] * second_moment)


def gain(nonlinearity: str, a: float = 0.01) -> float:
    """The gain that `torch.nn.init.calculate_gain` recommends, or ours; `a` is the slope of leaky_relu."""
    if nonlinearity in ACTIVATIONS:
        return moment_gain(nonlinearity)
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + a**2))
    return {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}.get(nonlinearity, 1.0)


def gain_of(call: InitialiserCall) -> float | None:
    """The gain that a call applies; None for an initialiser without one."""
    if call.name.startswith("kaiming"):
        return gain(str(call.complete["nonlinearity"]), call.value("a"))
    return call.value("gain") if "gain" in call.complete else None


def explain(call: InitialiserCall, shape: Sequence[int], layout: Layout = Layout()) -> str:  # noqa: B008  # frozen
    """The call's formula with this tensor's numbers: ``bound = gain·√(3/fan_in) = 1.4142·√(3/400) = 0.1225``."""
    return _WORKED.get(call.name, _formula)(call, shape, layout) + _reservation(call, shape, layout)


def _formula(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    return INITIALISERS[call.name].formula


def _constant(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    return f"{call.value('val'):g} everywhere"


def _uniform(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    a, b = call.value("a"), call.value("b")
    return f"U({a:g}, {b:g}): mean = {(a + b) / 2:.4g}, std = (b − a)/√12 = {(b - a) / math.sqrt(12):.4g}"


def _normal(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    return f"N({call.value('mean'):g}, {call.value('std'):g}²)"


def _truncated(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    mean, std, a, b = (call.value(name) for name in ("mean", "std", "a", "b"))
    text = f"N({mean:g}, {std:g}²) redrawn until within [{a:g}, {b:g}]"
    if (a - mean) / std < -5 and (b - mean) / std > 5:
        return f"{text}, {min(mean - a, b - mean) / std:.3g} std away: hardly any is redrawn"
    return text


def _xavier(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> str:
    fan_in, fan_out = used_fans(call, shape, layout) or (0, 0)
    factor, total = call.value("gain"), fan_in + fan_out
    if not total:
        return INITIALISERS[call.name].formula
    if call.name == "xavier_normal_":
        return (
            f"std = gain·√(2/(fan_in + fan_out)) = {_short(factor)}·√(2/({fan_in:g} + {fan_out:g})) "
            f"= {factor * math.sqrt(2 / total):.4g}"
        )
    bound = factor * math.sqrt(6 / total)
    return (
        f"bound = gain·√(6/(fan_in + fan_out)) = {_short(factor)}·√(6/({fan_in:g} + {fan_out:g})) = {bound:.4g}; "
        f"std = bound/√3 = {abs(bound) / math.sqrt(3):.4g}"
    )


def _kaiming(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> str:
    mode, factor = str(call.complete["mode"]), gain_of(call) or 0.0
    fan = (used_fans(call, shape, layout) or (0, 0))[mode == "fan_out"]
    if not fan:
        return INITIALISERS[call.name].formula
    if call.name == "kaiming_normal_":
        return f"std = gain/√{mode} = {_short(factor)}/√{fan:g} = {factor / math.sqrt(fan):.4g}"
    bound = factor * math.sqrt(3 / fan)
    std = f"std = bound/√3 = {bound / math.sqrt(3):.4g}"
    return f"bound = gain·√(3/{mode}) = {_short(factor)}·√(3/{fan:g}) = {bound:.4g}; {std}"


def _orthogonal(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> str:
    blocks = orthogonal_blocks(call, layout)
    rows, columns = shape[0] // blocks, math.prod(shape[1:])
    apart = f" in each of {blocks} blocks" if blocks > 1 else ""
    longer, which = max(rows, columns), "rows" if rows <= columns else "columns"
    factor = call.value("gain")
    return (
        f"gain·Q with orthonormal {which} of {rows}×{columns}{apart}; "
        f"root mean square = gain/√{longer} = {_short(factor)}/√{longer} = {abs(factor) / math.sqrt(longer):.4g}"
    )


def _sparse(call: InitialiserCall, shape: Sequence[int], _layout: Layout) -> str:
    sparsity, rows = call.value("sparsity"), shape[0]
    return (
        f"⌈sparsity·rows⌉ = ⌈{sparsity:g}·{rows}⌉ = {math.ceil(sparsity * rows)} of {rows} zero in each column, "
        f"the others N(0, {call.value('std'):g}²)"
    )


def _dead_zone(call: InitialiserCall, _shape: Sequence[int], _layout: Layout) -> str:
    low, high, dead = (call.value(name) for name in ("low", "high", "dead"))
    inside = max(0.0, min(high, dead) - max(low, -dead))
    share = inside / (high - low) if high > low else float(abs(low) < dead)
    return f"U({low:g}, {high:g}) where |w| ≥ {dead:g}, else 0: {share:.1%} are 0"


_WORKED = {
    "constant_": _constant,
    "uniform_": _uniform,
    "normal_": _normal,
    "trunc_normal_": _truncated,
    "xavier_uniform_": _xavier,
    "xavier_normal_": _xavier,
    "kaiming_uniform_": _kaiming,
    "kaiming_normal_": _kaiming,
    "orthogonal_": _orthogonal,
    "sparse_": _sparse,
    "uniform_dead_zone": _dead_zone,
}


def _reservation(call: InitialiserCall, shape: Sequence[int], layout: Layout) -> str:
    """What the formula misses: fans that are not what the layer sums, a layout that `dirac_` does not know."""
    if call.name == "dirac_" and layout.kind == "transposed":
        return "; dirac_ expects (out, in/groups, kernel…), this layer's weight is (in, out/groups, kernel…)"
    if not call.name.startswith(("xavier", "kaiming")):
        return ""
    if layout.kind == "lookup":
        return "; rows of this weight are looked up, nothing is summed: the fans mean little, normal_ is usual"
    notes = [worked_out(nonlinearity)] if (nonlinearity := call.complete.get("nonlinearity")) in ACTIVATIONS else []
    counted, effective, used = fans(shape, layout), effective_fans(shape, layout), used_fans(call, shape, layout)
    if used != counted and counted is not None:
        notes.append(f"torch counts fan_in = {counted[0]}, fan_out = {counted[1]}")
    elif counted is not None and effective is not None and tuple(map(float, counted)) != effective:
        notes.append(f"the layer really sums fan_in = {effective[0]:g}, fan_out = {effective[1]:g}")
    return "".join(f"; {note}" for note in notes)


def _short(value: float) -> str:
    return f"{value:.5g}"
