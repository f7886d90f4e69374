"""Kernels, strides and receptive fields that do not fit what they are given."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.table import Row
from inspector.core.wording import shape, things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.flow import Node

CONV_GEOMETRY = rule(
    "NN701",
    "conv-geometry",
    "Kernels that lie on padding mostly, pixels that no window reads, transposed convolutions whose taps overlap "
    "unevenly, layers whose receptive field is larger than the input.",
    "A warning where half of a kernel's taps or more meet padding only, whichever the window; information on the rest.",
    "The size formulas of torch.nn; Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts (Distill 2016); "
    "Richter et al., Should You Go Deeper? (2021) on layers beyond the receptive field.",
)
MOSTLY = 0.5
TOLD = 3
"""Rows named before the rest is counted."""


@looks(CONV_GEOMETRY)
def conv_geometry(evidence: Evidence) -> Iterator[Finding]:
    """By the taps of each kernel, then by what the rows of the table say."""
    rows = evidence.traced.rows
    if evidence.traced.model.framework == "torch":
        yield from _on_padding(evidence)
    yield from _noted(
        rows,
        "never read",
        "pixels that no window reads",
        "make the kernel as long as the stride, or the size a multiple of it",
        "where another branch reads them, as around the projection of a residual block",
    )
    yield from _noted(
        rows,
        "checkerboard",
        "taps that overlap unevenly, which shows as a checkerboard",
        "make the kernel of the transposed convolution a multiple of its stride",
        "where what follows smooths it",
    )
    yield from _beyond(rows)


def _on_padding(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.flow import flow

    told: set[str] = set()
    for node in evidence.of(flow).nodes:
        share = wasted(node)
        if share < MOSTLY or node.path in told:
            continue
        told.add(node.path)
        kernel, given = node.weights[0][2:], node.operands[0]
        yield finding(
            CONV_GEOMETRY,
            "warning",
            node.path,
            f"{share:.0%} of the kernel of {node.path or node.type} meets padding only: those weights are never used",
            f"a kernel of {shape(kernel)} on a map of {shape(given[-len(kernel) :])}, padding "
            f"{node.settings.get('padding')}, dilation {node.settings.get('dilation')}; they get no gradient",
            "stride less before it, give the model larger inputs, or make the kernel smaller",
            "where inputs are larger in use than in this pass",
            node.source,
        )


def wasted(node: "Node") -> float:
    """The share of a convolution's taps that no window lays on its input; 0 where it is none."""
    if not node.name.startswith("conv") or "transpose" in node.name or not node.weights:
        return 0.0
    kernel = node.weights[0][2:]
    sizes, made = node.operands[0][-len(kernel) :], node.results[0][-len(kernel) :]
    used = 1.0
    for axis, k in enumerate(kernel):
        s, d = (_each(node.settings.get(name), axis, 1) for name in ("stride", "dilation"))
        padding = node.settings.get("padding")
        p = d * (k - 1) // 2 if padding == "same" else 0 if padding == "valid" else _each(padding, axis, 0)
        met = [any(0 <= w * s - p + t * d < sizes[axis] for w in range(made[axis])) for t in range(k)]
        used *= sum(met) / k
    return 1 - used


def _each(value: Any, axis: int, usual: int) -> int:
    if isinstance(value, list | tuple):
        return int(value[axis] if len(value) > 1 else value[0])
    return value if isinstance(value, int) else usual


def _noted(rows: list[Row], words: str, what: str, fix: str, may_be_wrong: str) -> Iterator[Finding]:
    """One finding for all rows whose size formula has a note of a kind."""
    found: dict[str, tuple[Row, str]] = {}
    for row in rows:
        for line in row.formula or []:
            note = next((note for note in line.notes if words in note), None)
            if note is not None:
                found.setdefault(row.path or row.type, (row, f"{line.axis}: {note}"))
    if not found:
        return
    first = next(iter(found.values()))[0]
    named = "; ".join(f"{path}, {note}" for path, (_, note) in list(found.items())[:TOLD])
    more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
    yield finding(
        CONV_GEOMETRY,
        "info",
        first.path,
        f"{things(len(found), 'row')} with {what}",
        named + more,
        fix,
        may_be_wrong,
        first.source,
    )


def _beyond(rows: list[Row]) -> Iterator[Finding]:
    """The layers to which units come that see all of the input already, along every axis."""
    seen: list[int] = []
    pixels: list[int] = []
    late: list[Row] = []
    for row in rows:
        field = row.receptive_field
        if field is None or field.status not in ("exact", "upper_bound") or not field.axes or row.subtree > 1:
            continue
        sizes = field.size
        has_weights = row.own_parameters > 0 or row.kind == "node"
        grew = len(seen) == len(sizes) and any(new > old for new, old in zip(sizes, seen, strict=True))
        if has_weights and grew and pixels and all(old > size for old, size in zip(seen, pixels, strict=False)):
            late.append(row)
        seen, pixels = sizes, [axis.pixels for axis in field.axes]
    if late:
        first, field = late[0], late[0].receptive_field
        yield finding(
            CONV_GEOMETRY,
            "info",
            first.path,
            f"from {first.path} on {things(len(late), 'layer')} widen a receptive field that is larger than the input",
            f"{first.path} sees {shape(field.size if field is not None else [])} of {shape(pixels)} pixels",
            "feed larger images, or leave out layers: these add depth, not context",
            "depth is of use by itself; inputs that are larger in use",
            first.source,
        )
