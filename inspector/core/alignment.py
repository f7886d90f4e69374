"""Whether branches that meet are aligned: units that meet have the same stride and the same centre in the input.

Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill 2019).
"""

from fractions import Fraction

from inspector.core.edges import Edges


def misalignment(first: Edges, second: Edges, path: str) -> str | None:
    """How two branches that meet in the module at `path` are out of step; None where they are aligned.

    Positions listed one by one are not compared, nor what is the same for all positions.
    """
    if first.listed or second.listed or not first.shift or not second.shift:
        return None
    even = len(first.lo) == len(second.lo) == 1 and first.shift == second.shift
    if even and first.lo[0] + first.hi[0] == second.lo[0] + second.hi[0]:
        # Most branches by far: no fractions are needed to see that they are aligned.
        return None
    place = path or "the model's own forward"
    if first.stride != second.stride:
        smaller, larger = sorted((first.stride, second.stride))
        return f"branches of strides {_number(smaller)} and {_number(larger)} meet in {place}"
    distance = abs(_centre(first) - _centre(second))
    if not distance:
        return None
    return f"branches meet {_number(distance)} pixel{'s' if distance != 1 else ''} out of step in {place}"


def _centre(edges: Edges) -> Fraction:
    """The centre of the interval of position 0; on average where those of one period differ."""
    places = [Fraction(low + high, 2) - unit * edges.stride for unit, low, high in _seeing(edges)]
    return sum(places, Fraction(0)) / len(places) if places else Fraction(0)


def _seeing(edges: Edges) -> list[tuple[int, int, int]]:
    return [(u, low, high) for u, (low, high) in enumerate(zip(edges.lo, edges.hi, strict=True)) if low <= high]


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.4g}"
