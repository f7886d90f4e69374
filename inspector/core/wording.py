"""Numbers, shapes, sizes and times as people read them; the same words in the interface and in the text report.

What is not known is written `UNKNOWN`, never as 0.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from inspector.core.file_info import FileInfo
from inspector.core.results import OptimisedRun, RowRun, Timing
from inspector.core.table import Distribution, Input, LocalField, ReceptiveField, Source, SymbolicShape, Tensor

UNKNOWN = "?"
_LONGEST_QUOTED, _KEPT_OF_LONG = 120, 40


def printable(text: str) -> str:
    """The text on one line, with every control, format and surrogate character written as its escape.

    Names, messages and source lines come from the model; raw they could move the cursor or reorder the line.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str) -> str:
    """The beginning of a long text, and how many characters it has; any other text as it is."""
    return text if len(text) <= _LONGEST_QUOTED else f"{text[:_KEPT_OF_LONG]}… ({len(text):,} characters)"


def count(value: int | None) -> str:
    """A count with three significant digits: ``850``, ``62.0 k``, ``1.23 M``."""
    if value is None:
        return UNKNOWN
    for factor, unit in ((1e3, ""), (1e6, "k"), (1e9, "M"), (1e12, "G"), (1e15, "T"), (1e18, "P")):
        scaled = value * 1000 / factor
        text = f"{scaled:.0f}" if not unit else _three_digits(scaled)
        if float(text) < 1000:
            return f"{text} {unit}".rstrip()
    return f"{value:.2e}"


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def exact(value: int | None) -> str:
    """An integer in groups of three: ``62,006``."""
    return UNKNOWN if value is None else f"{value:,}"


def things(value: int, noun: str) -> str:
    """A number of things: ``1 tensor``, ``3 tensors``."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def size_in_bytes(value: int | None) -> str:
    """A size in binary units with three significant digits: ``248 KiB``."""
    if value is None:
        return UNKNOWN
    if value < 1024:
        return f"{value} B"
    scaled = float(value)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        scaled /= 1024
        if scaled < 999.5 or unit == "TiB":
            break
    return f"{_three_digits(scaled)} {unit}"


def duration(seconds: float | None) -> str:
    """A time with its unit: ``320 µs``, ``1.24 ms``, ``2.10 s``, ``3 min 20 s``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{_three_digits(seconds * 1e3)} ms"
    if seconds < 99.95:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def number(value: float | None) -> str:
    """A measured value with four significant digits: ``−0.01234``, ``1.5e+20``, ``NaN``."""
    if value is None:
        return UNKNOWN
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "−inf"
    return f"{value:.4g}".replace("-", "−", 1) if value < 0 else f"{value:.4g}"


def percent(share: float | None) -> str:
    """A share of 1 in percent; never rounded to 0 % or 100 % unless it is that."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{share * 100:.1f}".removesuffix(".0") + " %"


def part_shares(info: FileInfo) -> list[str]:
    """What each part of a file takes, the largest first: ``71 % of this file is Adam state (8.4 GiB of 11.8 GiB)``.

    Nothing where there is but one part.
    """
    total = size_in_bytes(sum(part.bytes for part in info.parts))
    return [
        f"{percent(part.share)} of this file is {printable(part.name)} ({size_in_bytes(part.bytes)} of {total})"
        + (f", in {printable(part.path)}" if part.path else "")
        for part in sorted(info.parts, key=lambda part: -part.bytes)
        if len(info.parts) > 1 and part.share is not None
    ]


def shape(sizes: Sequence[int] | None) -> str:
    """A shape as ``1×6×28×28``; ``scalar`` for the shape of no axes."""
    if sizes is None:
        return UNKNOWN
    return "×".join(map(str, sizes)) or "scalar"


def sampled(runs: Sequence[RowRun]) -> str:
    """Of how many elements the figures are that are of a sample; "" where all are of every element."""
    samples = [run.statistics.sample for run in runs if run.statistics is not None and run.statistics.sample]
    if not samples:
        return ""
    least, most = min(samples), max(samples)
    number = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"mean, std and zeros of {things(len(samples), 'row')} are those of {number} elements spread evenly"


def timing(of: Timing) -> str:
    """What passes took that were run for their times alone."""
    told = f"bare {duration(of.bare_seconds)}, the median of {of.passes} passes, {percent(of.spread)} apart at most"
    if of.fused:
        listed = ", ".join(map(printable, of.fused[:2]))
        listed += f" and {len(of.fused) - 2} more" if len(of.fused) > 2 else ""
        told += f"; there one fused operation of torch's runs in the place of {listed}, whose rows are the slower way"
    return told


def optimised_run(run: OptimisedRun) -> str:
    """Both times, both numbers of nodes, and how far the outputs are apart."""
    left = UNKNOWN if run.nodes is None else str(run.nodes)
    apart = "" if run.max_abs is None else f"; the outputs differ by at most {number(run.max_abs)}"
    relative = "" if run.relative is None else f", relative {number(run.relative)}"
    return (
        f"optimised: {duration(run.seconds)} instead of {duration(run.unoptimised_seconds)} for the outputs alone, "
        f"{left} of {run.unoptimised_nodes} nodes left{apart}{relative}"
    )


def box(at: Sequence[int], sizes: Sequence[int]) -> str:
    """A part of a tensor as the index that takes it out: ``[0:4, 0:8]``."""
    ranges = ", ".join(f"{first}:{first + size}" for first, size in zip(at, sizes, strict=True))
    return f"[{ranges}]"


def places(tensor: Tensor) -> list[str]:
    """The files of a tensor, with the part of it that each holds where that is not all: ``__0_0.distcp [0:4, 0:8]``."""
    if not tensor.pieces:
        return tensor.files
    return [
        piece.file if piece.shape == tensor.shape else f"{piece.file} {box(piece.at, piece.shape)}"
        for piece in tensor.pieces
    ]


def shapes(several: Sequence[Sequence[int]]) -> str:
    """Shapes side by side."""
    return ", ".join(map(shape, several))


def symbolic_shape(sizes: SymbolicShape) -> str:
    """A shape with the symbols of a file: ``batch×64×⌈H/2⌉×?``; sums in brackets."""
    texts = (UNKNOWN if size is None else printable(str(size)) for size in sizes)
    return "×".join(f"({text})" if " " in text and not text.startswith("⌊") else text for text in texts)


def receptive_field(field: ReceptiveField | None) -> str:
    """Size and step in a cell: ``5×5 /1``, ``≤ 9×9 /2``, ``whole input``, ``7×7, wraps``.

    Empty where the row has no spatial axis.
    """
    if field is None:
        return ""
    if field.status == "unknown":
        return UNKNOWN
    if field.status == "whole_input":
        return "whole input"
    if field.wraps and field.local_size:
        return f"{shape(field.local_size)}, wraps"
    steps = field.stride[:1] if len(set(field.stride)) == 1 else field.stride
    bound = "≤ " if field.status == "upper_bound" else ""
    return f"{bound}{shape(field.size)} /{'×'.join(map(step, steps))}"


def first_and_last(cells: Sequence[str]) -> str:
    """What a cell for several says: ``3×3 /1 … 9×9 /1``, or what all of them say."""
    apart = [*dict.fromkeys(cells)]
    return apart[0] if len(apart) == 1 else f"{apart[0] or UNKNOWN} … {apart[-1] or UNKNOWN}"


def local_field(field: LocalField, path: str) -> str:
    """``5×5 of the input of features``, of the row at `path`."""
    return f"{shape(field.size)} of {'its own input' if field.since == path else f'the input of {field.since}'}"


def receptive_field_sentence(field: ReceptiveField | None, axes: str = "") -> str:
    """What one output unit sees of the input, in words; `axes` names them, "HW" for images.

    In whole input pixels counted from 0, as `inspector.core.table.ReceptiveField` defines them.
    """
    if field is None:
        return "no spatial axis of the input is followed here"
    if field.status == "unknown":
        return f"unknown: {printable(field.via or 'an operation')} has no rule"
    if field.status == "whole_input":
        via = f", since {printable(field.via)} mixes all of it" if field.via else ""
        local = f"; its window alone sees {shape(field.local_size)}" if field.local_size else ""
        return f"every unit sees the whole input{via}{local}"
    lines = [_wrapping_sentence(field)] if field.wraps and field.local_size else _sight_lines(field, axes)
    return "\n".join([*lines, *([printable(field.misaligned)] if field.misaligned else [])])


def _wrapping_sentence(field: ReceptiveField) -> str:
    via = f"the padding of {printable(field.via)}" if field.via else "padding"
    local = shape(field.local_size)
    return f"one unit sees {local} input pixels; near the border more, from both ends, since {via} wraps round"


def _sight_lines(field: ReceptiveField, axes: str) -> list[str]:
    bound = "at most " if field.status == "upper_bound" else ""
    names = axes if len(axes) == len(field.size) else AXES.get(len(field.size), "")
    lines = [f"one unit sees {bound}{shape(field.size)} input pixels"]
    for name, size, stride, start in zip(names, field.size, field.stride, field.start, strict=False):
        first, last = affine(stride, start), affine(stride, start + size - 1)
        if float(start).is_integer() and float(stride).is_integer():
            lines.append(f"{name}: unit u sees pixels {first} … {last}")
        else:
            lines.append(f"{name}: unit u sees {size} pixels from ⌈{first}⌉ on")
    return lines


AXES = {1: "L", 2: "HW", 3: "DHW"}


def affine(factor: float, constant: float) -> str:
    """A linear expression in u: ``u``, ``2·u − 3``, ``−1``."""
    term = "" if not factor else "u" if factor == 1 else f"{step(factor)}·u"
    if not term:
        return step(constant)
    return term if not constant else f"{term} {'−' if constant < 0 else '+'} {step(abs(constant))}"


def step(value: float) -> str:
    """A stride or a start: an integer as such, a fraction with up to four digits."""
    text = f"{value:.4g}" if not float(value).is_integer() else str(int(value))
    return text.replace("-", "−", 1)


def distribution(one: Distribution) -> str:
    """``Shard(0), Replicate() over 2×4 processes (dp, tp), 8×16 here``."""
    if one.holds:
        return f"{one.kind} of {things(len(one.holds), 'parameter')}, {shape(one.local_shape)} here"
    names = f" ({', '.join(map(printable, one.mesh_names))})" if one.mesh_names else ""
    return f"{', '.join(one.placements)} over {shape(one.mesh)} processes{names}, {shape(one.local_shape)} here"


def source_place(source: Source) -> str:
    """``models/net.py:12``: from the current folder where the file lies below it, else the whole path."""
    try:
        file = str(Path(source.file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        file = source.file
    return f"{printable(file)}:{source.line}"


def why_this_input(one: Input) -> list[str]:
    """Why an input was taken, which others do, and the equation that they solve, a line each."""
    lines = [f"declared as {symbolic_shape(one.symbolic_shape)}"] if one.symbolic_shape else []
    lines += [printable(one.reason)] if one.reason else []
    if one.solutions:
        lines.append(f"{one.solutions}: {one.equation}" if one.equation else one.solutions)
    return lines


def model_input(one: Input) -> str:
    """An input of the model: ``x 1×3×32×32``, with its dtype where that is not float32; ``steps == 4``."""
    if "==" in one.spec and one.shape is None:
        return printable(one.spec.replace("==", " == "))
    dtype = "" if one.dtype == "float32" else f" {one.dtype}"
    return f"{printable(one.name)} {shape(one.shape)}{dtype}".lstrip()
