"""The initialisers: one registry of what a tensor can be filled with, and a call of one as text.

The functions and defaults are those of `torch.nn.init`; a test compares them. Ours are `layer_default` (what the
layer's own ``reset_parameters`` does), `uniform_dead_zone`, `lsuv`, the parameter `fan`, and the activations for
which torch has no gain.
"""

import difflib
import math
import re
from collections.abc import Sequence
from typing import Literal

from msgspec import structs

from inspector.core.activation_gains import ACTIVATIONS
from inspector.core.errors import RequestError
from inspector.core.record import Record

Argument = int | float | str
NONLINEARITIES = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "sigmoid", "tanh", "relu", "leaky_relu", "selu",
)  # fmt: skip


class InitialiserParameter(Record, frozen=True, kw_only=True):
    """A parameter of an initialiser."""

    name: str
    type: Literal["number", "integer", "choice"]
    default: Argument | None
    """None: it has to be given."""
    meaning: str
    choices: list[str] = []
    least: float = -math.inf
    most: float = math.inf


class Initialiser(Record, frozen=True, kw_only=True):
    """A rule that fills a tensor."""

    name: str
    meaning: str
    formula: str
    """The rule as a formula over its parameters and the fans."""
    parameters: list[InitialiserParameter] = []
    least_axes: int = 0
    most_axes: int | None = None
    needs: str = ""
    """What it needs of the tensor, after "needs": ``a matrix``."""
    ordered: tuple[str, str] | None = None
    """Two parameters of which the first must not exceed the second."""
    random: bool = True


class InitialiserCall(Record, frozen=True, kw_only=True):
    """An initialiser with the arguments given; the others keep their defaults."""

    name: str
    arguments: dict[str, Argument] = {}

    @property
    def complete(self) -> dict[str, Argument]:
        """Every parameter's value, in the order of the signature."""
        defaults = {one.name: one.default for one in INITIALISERS[self.name].parameters}
        return {name: self.arguments.get(name, 0 if value is None else value) for name, value in defaults.items()}

    def value(self, name: str) -> float:
        """A number among the arguments, its default where it was not given."""
        return float(self.complete[name])

    def __str__(self) -> str:
        """The call as `parse_initialiser` reads it: ``kaiming_normal_(mode=fan_out, nonlinearity=relu)``."""
        return f"{self.name}({', '.join(f'{name}={value}' for name, value in self.arguments.items())})"


def _number(name: str, default: float | None, meaning: str, least: float = -math.inf) -> InitialiserParameter:
    return InitialiserParameter(name=name, type="number", default=default, meaning=meaning, least=least)


_STD = "standard deviation"
_GAIN = _number("gain", 1.0, "factor on top, as the nonlinearity after the layer asks for")
_FAN = InitialiserParameter(
    name="fan",
    type="choice",
    default="effective",
    choices=["effective", "torch"],
    meaning="count what the layer really sums, where it is transposed, grouped or several layers in one tensor; "
    "or exactly as torch, from the shape alone",
)
_KAIMING = [
    _number("a", 0, "negative slope of the rectifier after the layer; used with leaky_relu only"),
    InitialiserParameter(
        name="mode",
        type="choice",
        default="fan_in",
        choices=["fan_in", "fan_out"],
        meaning="keep the variance in the forward pass (fan_in) or in the backward pass (fan_out)",
    ),
    InitialiserParameter(
        name="nonlinearity",
        type="choice",
        default="leaky_relu",
        choices=[*NONLINEARITIES, *ACTIVATIONS],
        meaning="the function after the layer; it sets the gain",
    ),
    _FAN,
]
_MATRIX = "fans, so two axes or more"

_ALL = [
    Initialiser(
        name="layer_default",
        meaning="what the layer itself starts with: its own reset_parameters()",
        formula="reset_parameters()",
    ),
    Initialiser(
        name="uniform_",
        meaning="uniform between a and b",
        formula="U(a, b)",
        parameters=[_number("a", 0.0, "lower bound"), _number("b", 1.0, "upper bound")],
        ordered=("a", "b"),
    ),
    Initialiser(
        name="normal_",
        meaning="normal",
        formula="N(mean, std²)",
        parameters=[_number("mean", 0.0, "mean"), _number("std", 1.0, _STD, 0)],
    ),
    Initialiser(
        name="trunc_normal_",
        meaning="normal, redrawn until it lies between a and b",
        formula="N(mean, std²) within [a, b]",
        parameters=[
            _number("mean", 0.0, "mean"),
            _number("std", 1.0, f"{_STD} before truncation", 0),
            _number("a", -2.0, "lower limit: a value, not a multiple of std"),
            _number("b", 2.0, "upper limit: a value, not a multiple of std"),
        ],
        ordered=("a", "b"),
    ),
    Initialiser(
        name="constant_",
        meaning="one value everywhere",
        formula="val",
        parameters=[_number("val", None, "the value")],
        random=False,
    ),
    Initialiser(name="ones_", meaning="ones", formula="1", random=False),
    Initialiser(name="zeros_", meaning="zeros", formula="0", random=False),
    Initialiser(
        name="eye_",
        meaning="identity matrix",
        formula="1 where row = column, else 0",
        least_axes=2,
        most_axes=2,
        needs="a matrix: exactly two axes",
        random=False,
    ),
    Initialiser(
        name="dirac_",
        meaning="a convolution that passes its input channels through",
        formula="1 at the middle of kernel (i, i) of each group, else 0",
        parameters=[
            InitialiserParameter(
                name="groups", type="integer", default=1, meaning="groups of the convolution, each an identity", least=1
            )
        ],
        least_axes=3,
        most_axes=5,
        needs="a convolution's kernel: three to five axes",
        random=False,
    ),
    Initialiser(
        name="xavier_uniform_",
        meaning="uniform with the variance that suits both passes (Glorot and Bengio, 2010)",
        formula="U(−bound, bound), bound = gain·√(6/(fan_in + fan_out))",
        parameters=[_GAIN, _FAN],
        least_axes=2,
        needs=_MATRIX,
    ),
    Initialiser(
        name="xavier_normal_",
        meaning="normal with the variance that suits both passes (Glorot and Bengio, 2010)",
        formula="N(0, std²), std = gain·√(2/(fan_in + fan_out))",
        parameters=[_GAIN, _FAN],
        least_axes=2,
        needs=_MATRIX,
    ),
    Initialiser(
        name="kaiming_uniform_",
        meaning="uniform with the variance that suits a rectifier (He et al., 2015)",
        formula="U(−bound, bound), bound = gain·√(3/fan)",
        parameters=_KAIMING,
        least_axes=2,
        needs=_MATRIX,
    ),
    Initialiser(
        name="kaiming_normal_",
        meaning="normal with the variance that suits a rectifier (He et al., 2015)",
        formula="N(0, std²), std = gain/√fan",
        parameters=_KAIMING,
        least_axes=2,
        needs=_MATRIX,
    ),
    Initialiser(
        name="orthogonal_",
        meaning="orthonormal rows or columns (Saxe et al., 2013); axes after the first count as one",
        formula="gain·Q, QᵀQ = 1 or QQᵀ = 1",
        parameters=[
            _number("gain", 1, "factor on top"),
            structs.replace(_FAN, meaning="each gate, projection or group by itself; or exactly as torch, all as one"),
        ],
        least_axes=2,
        needs="two axes or more",
    ),
    Initialiser(
        name="lsuv",
        meaning="orthogonal, then scaled layer by layer until a pass measures that deviation (Mishkin and Matas, 2015)",
        formula="s·Q, QᵀQ = 1 or QQᵀ = 1, |std(output) − std| < tolerance",
        parameters=[
            _number("std", 1.0, f"{_STD} of each layer's output", 1e-6),
            _number("tolerance", 0.1, "how far from it the output's may stay", 0),
            InitialiserParameter(
                name="iterations", type="integer", default=10, meaning="passes a layer at most", least=1, most=1000
            ),
        ],
        least_axes=2,
        needs="a layer's weight: two axes or more",
    ),
    Initialiser(
        name="sparse_",
        meaning="normal, with a share of every column zero (Martens, 2010)",
        formula="N(0, std²), ⌈sparsity·rows⌉ zeros a column",
        parameters=[
            InitialiserParameter(
                name="sparsity", type="number", default=None, meaning="share of zeros in a column", least=0, most=1
            ),
            _number("std", 0.01, f"{_STD} of the others", 0),
        ],
        least_axes=2,
        most_axes=2,
        needs="a matrix: exactly two axes",
    ),
    Initialiser(
        name="uniform_dead_zone",
        meaning="uniform, but 0 where the absolute value is below `dead`",
        formula="U(low, high) where |w| ≥ dead, else 0",
        parameters=[
            _number("low", -10, "lower bound"),
            _number("high", 10, "upper bound"),
            _number("dead", 5, "absolute values below this become 0", 0),
        ],
        ordered=("low", "high"),
    ),
]
INITIALISERS: dict[str, Initialiser] = {one.name: one for one in _ALL}
"""Every initialiser by name, in the order to show them."""

_CALL = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<arguments>.*)\)\s*)?$", re.DOTALL)


def counts_as_torch(call: InitialiserCall) -> bool:
    """Whether a call does to a tensor what torch's function does to it, with no regard to how the layer uses it."""
    return call.name != "lsuv" and call.complete.get("fan") != "effective"


def torch_arguments(call: InitialiserCall, *, complete: bool = True) -> dict[str, Argument]:
    """The arguments for the function of `torch.nn.init`: a gain of ours is multiplied on afterwards."""
    arguments = dict(call.complete if complete else call.arguments)
    arguments.pop("fan", None)
    if arguments.get("nonlinearity") in ACTIVATIONS:
        arguments["nonlinearity"] = "linear"
    return arguments


def parse_initialiser(text: str) -> InitialiserCall:
    """Read a call such as ``kaiming_normal_(mode=fan_out, nonlinearity=relu)`` or ``uniform_(-1, 1)``.

    The trailing underscore, the quotes of a text and empty parentheses may be left out. Raises RequestError naming
    what is wrong, with the closest names.
    """
    found = _CALL.match(text)
    if not found:
        raise RequestError(
            f"{text!r} is not an initialiser: write for example normal_(mean=0, std=0.02) or layer_default"
        )
    known = INITIALISERS.get(found["name"]) or INITIALISERS.get(found["name"] + "_")
    if known is None:
        raise RequestError(
            f"{text!r}: there is no initialiser {found['name']!r}; {_closest(found['name'], INITIALISERS)}"
        )
    given: dict[str, Argument] = {}
    pieces = (found["arguments"] or "").split(",")
    for position, piece in enumerate(pieces if any(piece.strip() for piece in pieces) else []):
        parameter, value = _argument(text, known, position, piece, named=position > 0 and "=" in pieces[position - 1])
        if parameter.name in given:
            raise RequestError(f"{text!r} gives {parameter.name} twice")
        given[parameter.name] = _value(text, parameter, value)
    return _checked(text, InitialiserCall(name=known.name, arguments=given))


def refusal(call: InitialiserCall, shape: Sequence[int]) -> str | None:
    """Why this initialiser cannot fill a tensor of this shape; None if it can."""
    known = INITIALISERS[call.name]
    name = call.name.rstrip("_")
    if 0 in shape:
        return "no elements"
    if len(shape) < known.least_axes:
        count = {1: "fewer than two axes", 2: "fewer than three axes"}.get(known.least_axes - 1, "too few axes")
        return f"{count}: {name} needs {known.needs}"
    if known.most_axes is not None and len(shape) > known.most_axes:
        return f"{len(shape)} axes: {name} needs {known.needs}"
    if call.name == "dirac_" and shape[0] % int(call.value("groups")):
        return f"{shape[0]} output channels cannot be divided into {int(call.value('groups'))} groups"
    return None


def _argument(
    text: str, known: Initialiser, position: int, piece: str, *, named: bool
) -> tuple[InitialiserParameter, str]:
    """The parameter that one piece between commas is for, and the text of its value."""
    name, equals, value = piece.partition("=")
    if equals:
        for parameter in known.parameters:
            if parameter.name == name.strip():
                return parameter, value.strip()
        names = [parameter.name for parameter in known.parameters]
        hint = _closest(name.strip(), names) if names else "it takes none"
        raise RequestError(f"{text!r}: {known.name} has no parameter {name.strip()!r}; {hint}")
    if named:
        raise RequestError(f"{text!r}: {piece.strip()!r} comes after a named argument, so name it too")
    if position >= len(known.parameters):
        takes = len(known.parameters) or "no"
        raise RequestError(f"{text!r}: {known.name} takes {takes} argument{'' if takes == 1 else 's'}")
    return known.parameters[position], name.strip()


def _value(text: str, parameter: InitialiserParameter, written: str) -> Argument:
    if len(written) >= 2 and written[0] == written[-1] and written[0] in "'\"":
        written = written[1:-1].strip()
    if parameter.type == "choice":
        if written.lower() not in parameter.choices:
            raise RequestError(
                f"{text!r}: {written!r} is not a {parameter.name}; one of {', '.join(parameter.choices)}"
            )
        return written.lower()
    try:
        value = int(written) if re.fullmatch(r"[+-]?\d{1,15}", written) else float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (parameter.type == "integer" and not isinstance(value, int)):
        kind = "an integer" if parameter.type == "integer" else "a finite number"
        raise RequestError(f"{text!r}: {parameter.name} is {kind}, not {written!r}")
    if not parameter.least <= value <= parameter.most:
        limits = f"at least {parameter.least:g}"
        limits += f" and at most {parameter.most:g}" if math.isfinite(parameter.most) else ""
        raise RequestError(f"{text!r}: {parameter.name} ({parameter.meaning}) must be {limits}")
    return value


def _checked(text: str, call: InitialiserCall) -> InitialiserCall:
    known = INITIALISERS[call.name]
    for parameter in known.parameters:
        if parameter.default is None and parameter.name not in call.arguments:
            raise RequestError(
                f"{text!r}: {call.name} needs {parameter.name} ({parameter.meaning}), "
                f"for example {call.name}({parameter.name}=0.5)"
            )
    if known.ordered and call.value(known.ordered[0]) > call.value(known.ordered[1]):
        low, high = known.ordered
        raise RequestError(
            f"{text!r}: {low} = {call.value(low):g} is above {high} = {call.value(high):g}; {low} is the lower one"
        )
    if call.name == "trunc_normal_" and _acceptance(call) < 1e-3:
        raise RequestError(
            f"{text!r}: N(mean, std²) hardly ever falls between a = {call.value('a'):g} and b = {call.value('b'):g}, "
            "so drawing would take very long; the limits are values, not multiples of std"
        )
    return call


def _acceptance(call: InitialiserCall) -> float:
    """The share of proposals that torch's rejection sampling keeps: of normal ones, or of uniform ones in [a, b]."""
    mean, std, a, b = (call.value(name) for name in ("mean", "std", "a", "b"))
    if std == 0:
        return 0.0
    scale = std * math.sqrt(2)
    inside = (math.erf((b - mean) / scale) - math.erf((a - mean) / scale)) / 2
    if inside > 0.3 or a == b:
        return 1.0
    peak = math.exp(-0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2)
    return inside * std * math.sqrt(2 * math.pi) / (peak * (b - a)) if peak else 0.0


def _closest(name: str, names: Sequence[str] | dict[str, Initialiser]) -> str:
    close = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"one of {', '.join(names)}"
