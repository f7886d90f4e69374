"""Samples of a batch that influence each other, and outputs whose shape does not follow their number."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.checks.evidence import Evidence
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.findings import Finding, Severity
from inspector.core.wording import shape, things

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.batch_axes import BatchAxes, OutputAxes
    from inspector.engine.pytorch.experiments.mixing import Call, Mixing
    from inspector.engine.pytorch.experiments.sequence_convention import SequenceConvention

BATCH_MIXING = rule(
    "NN201",
    "batch-mixing",
    "Outputs for one sample that depend on the other samples of the batch, in eval mode.",
    "Each of 3 samples is drawn anew in turn: an element that changes by more than 1e-5 of the largest value with two "
    "of them is mixed. The first call whose result is mixed is named. Models whose second axis holds samples just as "
    "well are taken for time-major, unless their source names the sizes the other way round.",
    "Karpathy, A Recipe for Training Neural Networks (2019): use backprop to chart dependencies; here by perturbation, "
    "with every sample, since a recurrent layer along the batch leaves the first one alone.",
)
BATCH_SIZE_DEPENDENCE = rule(
    "NN202",
    "batch-size-dependence",
    "Forwards that run with one number of samples only, and outputs whose axes do not follow it.",
    "Runs with 1, 2, 3 and 5 samples: exactly one axis of each output is to be as long as there are samples.",
    "The shapes themselves, in eval mode.",
)


@looks_at_module(BATCH_MIXING)
def batch_mixing(evidence: Evidence) -> Iterator[Finding]:
    """By perturbing the samples in turn."""
    from inspector.engine.pytorch.experiments.batch_axes import batch_axes
    from inspector.engine.pytorch.experiments.constructor_lines import constructor_lines
    from inspector.engine.pytorch.experiments.mixing import mixing
    from inspector.engine.pytorch.experiments.sequence_convention import sequence_convention
    from inspector.engine.pytorch.experiments.sequence_layers import sequence_layers

    found = evidence.of(mixing)
    if not found.is_mixed and not found.is_scattered:
        return
    layers = evidence.of(sequence_layers)
    call = found.first or found.moved
    layer = layers.time_major_at(call.path) if call is not None else None
    convention = evidence.of(sequence_convention)
    severity = _severity(found, evidence.of(batch_axes), convention, time_major_layer=layer is not None)
    if severity is None:
        return
    patch = evidence.of(constructor_lines).with_keyword(layer, "batch_first", "True") if layer else ""
    told = finding(
        BATCH_MIXING,
        severity,
        call.path if call is not None else "",
        _message(found),
        _evidence(found, convention, layer),
        _fix(found, layer),
        "a model whose first axis is time, or that compares samples on purpose: contrastive losses, graphs, attention "
        "between samples",
        call.source if call is not None else None,
    )
    yield replace(told, patch=patch)


def _severity(
    found: "Mixing", axes: "BatchAxes", convention: "SequenceConvention", time_major_layer: bool
) -> Severity | None:
    call = found.first
    following = {output.number for output in axes.outputs if output.followers}
    bad = {output.number for output in found.outputs if output.mixed or output.axis is None}
    if found.clean_along_second:
        if convention.first == "time":
            return None
        if convention.first == "batch":
            return "error"
        if not bad & following:
            return None
        return "info" if time_major_layer else "warning"
    if call is not None and call.takes_indices:
        return "info"
    if call is not None and _compares_samples(call):
        return "info"
    if call is not None and (call.batch_statistics or call.output_shapes == [[]]):
        # A statistic of everything is asked for as such, not by a wrong dim.
        return "warning"
    return "error" if bad & following else "warning"


def _compares_samples(call: "Call") -> bool:
    """A product of samples with samples, or a difference for which both were given axes: a table of pairs."""
    from inspector.engine.pytorch.experiments.mixing import SAMPLES

    pairs = any(sizes.count(SAMPLES) > 1 for sizes in call.output_shapes)
    ranks = {len(sizes) for sizes in call.input_shapes}
    return pairs and (not call.is_pointwise or len(ranks) == 1)


def _message(found: "Mixing") -> str:
    call = found.first or found.moved
    if call is None:
        return "the output for one sample depends on the others"
    where = f"{call.type} in {call.path or 'the model'}"
    if found.is_mixed:
        return f"the output for one sample depends on the other samples: they meet first in {where}"
    return f"samples end up in the places of others: {where} no longer keeps them along an axis"


def _evidence(found: "Mixing", convention: "SequenceConvention", layer: str | None) -> str:
    from inspector.engine.pytorch.experiments.mixing import SAMPLES

    bad = next(output for output in found.outputs if output.mixed or output.axis is None)
    share = f"{bad.mixed:.0%} of the {shape(bad.shape)} values of output {bad.number} depend on several"
    told = [f"with {SAMPLES} samples, each drawn anew in turn, {share}"]
    if not bad.mixed:
        told = [f"with {SAMPLES} samples, each drawn anew in turn, the values of output {bad.number} that follow one"]
        told = [told[0] + f" lie along none of the axes of {shape(bad.shape)}"]
    call = found.first
    if call is not None and call.input_shapes:
        given, made = (", ".join(map(shape, shapes)) for shapes in (call.input_shapes, call.output_shapes))
        told.append(f"there {given} becomes {made}")
    if layer is not None:
        told.append(f"{layer} takes (time, batch, features), since batch_first is False")
    if found.moved is not None and found.first is not None:
        line = f" (line {found.moved.source.line})" if found.moved.source is not None else ""
        told.append(f"before that, {found.moved.type}{line} takes the samples off their axis")
    if convention.text:
        told.append(
            f"the source says that {'samples' if convention.first == 'batch' else 'steps'} come first: "
            f"{convention.text}"
        )
    return "; ".join(told)


def _fix(found: "Mixing", layer: str | None) -> str:
    call = found.first
    if layer is not None:
        return f"make {layer} with batch_first=True, or give it x.transpose(0, 1)"
    if found.moved is not None:
        return "swap axes with transpose or permute: view and reshape keep the order of the elements in memory"
    if call is not None and call.is_pointwise and len({len(sizes) for sizes in call.input_shapes}) > 1:
        return "give both operands the same shape, for example with squeeze(-1) or unsqueeze(-1)"
    if call is not None and call.batch_statistics:
        return "keep running statistics (track_running_stats=True), so that eval mode does not use the batch's"
    return "look at the dim of that call: 0 is the batch; reduce or normalise over a later one"


@looks_at_module(BATCH_SIZE_DEPENDENCE)
def batch_size_dependence(evidence: Evidence) -> Iterator[Finding]:
    """By running with other numbers of samples."""
    from inspector.engine.pytorch.experiments.batch_axes import batch_axes
    from inspector.engine.pytorch.experiments.mixing import second_axes_keep_apart
    from inspector.engine.pytorch.experiments.sequence_convention import sequence_convention

    found = evidence.of(batch_axes)
    if (found.failed or not found.follows) and found.second is not None:
        says = evidence.of(sequence_convention).first
        if says == "time" or (says is None and evidence.of(second_axes_keep_apart)):
            return
    if found.failed:
        if not _is_unbatched(found) and not _depends_on_values(found):
            yield _fails(found)
        return
    for output in found.outputs:
        yield from _shape_findings(output)
    yield from _one_sample(found)


def _told(severity: Severity, message: str, evidence: str, fix: str, may_be_wrong: str) -> Finding:
    return finding(BATCH_SIZE_DEPENDENCE, severity, "", message, evidence, fix, may_be_wrong)


def _depends_on_values(found: "BatchAxes") -> bool:
    """Whether an index was drawn that is beyond a table, which other samples do as well."""
    failure = found.failed[0].failure
    return failure is not None and failure.type == "IndexError" and "index out of range in self" in failure.message


def _is_unbatched(found: "BatchAxes") -> bool:
    """Whether the input is a single sample: a convolution was given an axis less than its kernel has."""
    failure = found.failed[0].failure
    operands = failure.operands if failure is not None else []
    return len(operands) > 1 and len(operands[1].shape) > 2 and len(operands[0].shape) == len(operands[1].shape) - 1


def _fails(found: "BatchAxes") -> Finding:
    run = found.failed[0]
    assert run.failure is not None
    worked = [str(run.samples) for run in found.runs if run.failure is None]
    failed = [str(run.samples) for run in found.failed]
    return finding(
        BATCH_SIZE_DEPENDENCE,
        "warning",
        run.failure.path,
        f"the forward fails with {' or '.join(failed)} samples, and runs with {things(found.is_given, 'sample')}",
        f"{run.failure.type}: {run.failure.message}"
        + (f"; it also runs with {', '.join(worked)}" if worked else "")
        + (f"; {run.failure.explanation}" if run.failure.explanation else ""),
        "take the number of samples from the input, x.shape[0], and leave -1 to another axis",
        "inputs whose first axis is not that of the samples, such as the nodes of a graph",
        run.failure.source,
    )


def _shape_findings(output: "OutputAxes") -> Iterator[Finding]:
    shapes = ", ".join(map(shape, output.shapes))
    evidence = f"output {output.number} with 2, 3 and 5 samples: {shapes}"
    followers, multiples = output.followers, output.multiples
    if not multiples:
        return
    larger = [axis for axis, multiple in enumerate(multiples) if multiple is not None and multiple > 1]
    if len(followers) > 1:
        yield _told(
            "warning",
            f"output {output.number} has {len(followers)} axes as long as there are samples: every sample meets every",
            evidence,
            "look for (B, 1) beside (B,) in an operation: give both the same shape, squeeze(-1) or unsqueeze(-1)",
            "a table of similarities between samples",
        )
    elif None in multiples:
        yield _told(
            "warning",
            f"the shape of output {output.number} follows the number of samples neither as such nor as a multiple",
            evidence,
            "look for a view or reshape whose -1 takes in the samples: keep x.shape[0] as the first axis",
            "outputs of as many rows as there is to tell: detections, packed sequences",
        )
    elif not followers and larger:
        flat = len(multiples) == 1 or larger != [0]
        yield _told(
            "warning" if flat else "info",
            f"output {output.number} has no axis for the samples: axis {larger[0]} is {multiples[larger[0]]} times as "
            "long as there are samples",
            evidence,
            "keep the samples apart: x.flatten(1), or x.view(x.shape[0], -1)",
            "rows of all samples one after the other, for a loss over tokens",
        )
    elif not followers:
        yield _told(
            "warning",
            f"output {output.number} has no axis for the samples: its shape is the same for any number of them",
            evidence,
            "look for a mean, sum, max or index over the first axis",
            "one result for all samples, such as statistics or a graph's",
        )


def _one_sample(found: "BatchAxes") -> Iterator[Finding]:
    run = next((run for run in found.runs if run.samples == 1), None)
    if run is None or not found.follows:
        return
    if run.failure is not None:
        told = _told(
            "warning",
            "the forward fails with one sample, and runs with several",
            f"{run.failure.type}: {run.failure.message}",
            "name the axis that squeeze() is to drop, so that a single sample keeps its own",
            "a model that compares samples",
        )
        yield replace(told, path=run.failure.path, source=run.failure.source)
        return
    for output in found.outputs:
        if run.shapes is None or output.number >= len(run.shapes) or not output.followers:
            continue
        expected = [
            size if multiple == 0 else (multiple or 0)
            for size, multiple in zip(output.shapes[0], output.multiples, strict=True)
        ]
        got = run.shapes[output.number]
        if got != expected and None not in output.multiples:
            yield _told(
                "warning",
                f"with one sample output {output.number} has another rank or size than with several",
                f"{shape(got)} instead of {shape(expected)}",
                "name the axis that squeeze() is to drop, so that a single sample keeps its own: squeeze(-1)",
                "a model that is never given a single sample",
            )
