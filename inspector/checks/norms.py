"""Normalisations with too little to normalise, biases that they take away again, and modes that are mixed up."""

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks_at_module, rule
from inspector.core.findings import Finding
from inspector.core.wording import number, shape, things
from inspector.engine.pytorch.source_edits import Edit, patch, with_keyword
from inspector.engine.pytorch.user_source import calls_on_line

if TYPE_CHECKING:
    from inspector.engine.pytorch.experiments.flow import Flow, Node
    from inspector.engine.pytorch.experiments.modes import ChanceCall

NORM_OR_MODE = rule(
    "NN601",
    "norm-or-mode",
    "Normalisations that are given one value to normalise, train and eval mode mixed up, and chance left in eval mode.",
    "One value for each mean: the result is 0 whatever comes in. Running statistics of 0 and 1 with no batch counted "
    "beside loaded weights. Two passes in eval mode that differ by more than 1e-5 of the largest value.",
    "torch.nn.functional.batch_norm refuses one value in train mode; measured: LayerNorm(1) is 0, GroupNorm with "
    "one element a group about 1e-5.",
)
USELESS_BIAS = rule(
    "NN602",
    "useless-bias",
    "Biases that the normalisation behind them subtracts again.",
    "In train mode the norm of the bias's gradient is below 1e-5 of that of the weight's, and a normalisation follows "
    "with affine functions at most between.",
    "Exact, by the gradient: measured 1e-7 before BatchNorm, InstanceNorm and GroupNorm with one channel a group, 0.2 "
    "to 0.3 before LayerNorm and other GroupNorms, which need the bias.",
)
NEGLIGIBLE = 1e-5
_NORMS = {"batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm"}
_CHANCE = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "rrelu"}


@looks_at_module(NORM_OR_MODE)
def norm_or_mode(evidence: Evidence) -> Iterator[Finding]:
    """What can be seen at rest first, then what passes show."""
    yield from _at_rest(evidence)
    yield from _statistics(evidence)
    try:
        yield from _too_little(evidence)
        yield from _of_passes(evidence)
    except NotObservedError:
        failing = list(_refused(evidence))
        if not failing:
            raise
        yield from failing


_told = partial(finding, NORM_OR_MODE)


def _at_rest(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.modes import modes_at_rest

    modes = evidence.of(modes_at_rest)
    others = modes.evaluating if modes.root_trains else modes.training
    if others:
        mode, rest = ("eval", "train") if modes.root_trains else ("train", "eval")
        yield _told(
            "warning",
            others[0],
            f"{things(len(others), 'layer')} in {mode} mode in a model that is in {rest} mode",
            f"as the code leaves them: {', '.join(others[:4])}{' …' if len(others) > 4 else ''}",
            f"call model.{rest}() once the model is made; to keep a part in eval mode, override train()",
            "a part that is frozen on purpose, whose train() keeps it in eval mode",
        )


def _statistics(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.modes import frozen_statistics, untrained_statistics

    frozen = evidence.of(frozen_statistics)
    if frozen.paths and frozen.trainable:
        yield _told(
            "warning",
            frozen.paths[0],
            f"{things(len(frozen.paths), 'normalisation')} frozen by requires_grad still follow the data in train mode",
            f"{', '.join(frozen.paths[:4])}: weight frozen, running_mean and running_var updated by every batch, while "
            f"{frozen.trainable:,} parameters are trained",
            "put them in eval mode after model.train(), for example by overriding train()",
            "where the statistics are to follow the new data",
        )
    untrained = evidence.of(untrained_statistics)
    if untrained.paths and evidence.live.recipe.weights is not None:
        yield _told(
            "warning",
            untrained.paths[0],
            f"{things(len(untrained.paths), 'normalisation')} never saw data, although weights were loaded",
            f"running_mean 0 and running_var 1 throughout, no batch counted, in {len(untrained.paths)} of "
            f"{untrained.total}: {', '.join(untrained.paths[:4])}",
            "save the model after training in train mode, with its buffers; or run some batches in train mode",
            "weights from before any training",
        )


def _too_little(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.flow import flow

    found = evidence.of(flow)
    told: set[str] = set()
    for node in found.nodes:
        if node.name not in _NORMS or node.path in told:
            continue
        for each in _of_norm(node, found.samples):
            told.add(node.path)
            yield each


def _of_norm(node: "Node", samples: int | None) -> Iterator[Finding]:
    given = node.operands[0]
    values = _values(node)
    if values == 1:
        left = "only the sign of what it is given" if node.name == "rms_norm" else "0, or its bias, whatever comes in"
        yield _told(
            "error",
            node.path,
            f"{node.type} takes the mean of a single value: its result is {left}",
            f"given {shape(given)}: one value for each {'root mean square' if node.name == 'rms_norm' else 'mean'}"
            + ("; in train mode it raises an error" if node.name in ("batch_norm", "instance_norm") else ""),
            "normalise over more: other axes, larger groups, or no normalisation there",
            "never: nothing of the input is left",
            node.source,
        )
    elif node.name == "batch_norm" and samples is not None and values == samples and len(given) > 2:
        yield _told(
            "warning",
            node.path,
            f"{node.type} has one value of each sample: a map of {shape(given[2:])}",
            f"given {shape(given)}: {values} values a channel for {samples} samples; with 2 samples its results are ±1 "
            "whatever comes in, with one it raises an error in train mode",
            "leave it out behind a global pooling, or give the model larger inputs",
            "where batches are large",
            node.source,
        )
    elif node.name == "batch_norm" and node.settings.get("training") is True:
        yield _told(
            "warning",
            node.path,
            f"{node.type} takes the statistics of the batch in eval mode too",
            "called with training=True while the model is in eval mode"
            + ("; it keeps no running statistics" if node.settings.get("running_mean", 0) is None else ""),
            "keep running statistics, and give it training=self.training",
            "test-time adaptation on purpose",
            node.source,
        )


def _values(node: "Node") -> int | None:
    """How many values each mean is of."""
    given = node.operands[0]
    elements, channels = math.prod(given), given[1] if len(given) > 1 else 1
    if not elements:
        return None
    if node.name in ("layer_norm", "rms_norm"):
        sizes = node.settings.get("normalized_shape")
        return math.prod(sizes) if isinstance(sizes, list | tuple) else None
    if node.name == "group_norm":
        groups = node.settings.get("num_groups")
        return elements // (given[0] * groups) if isinstance(groups, int) else None
    if node.name == "instance_norm":
        return elements // (given[0] * channels)
    return elements // channels


def _of_passes(evidence: Evidence) -> Iterator[Finding]:
    from inspector.engine.pytorch.experiments.modes import eval_passes, train_pass

    passes = evidence.of(eval_passes)
    if passes.differs:
        yield _of_chance(passes.first, passes.largest)
    trained = evidence.of(train_pass)
    changed = [*passes.set_training, *trained.set_evaluating]
    if changed:
        mode = "train" if passes.set_training else "eval"
        yield _told(
            "warning",
            changed[0],
            f"forward puts {things(len(changed), 'module')} in {mode} mode",
            f"after a pass in {'eval' if passes.set_training else 'train'} mode: {', '.join(changed[:4])}",
            "leave the mode to model.train() and model.eval(); to keep a part in eval mode, override train()",
            "a frozen part that is kept in eval mode",
        )
    if trained.failed in _NORMS:
        yield from _refused(evidence)


def _refused(evidence: Evidence) -> Iterator[Finding]:
    """A normalisation that raises in train mode."""
    from inspector.engine.pytorch.experiments.modes import train_pass

    trained = evidence.of(train_pass)
    if trained.failed in _NORMS:
        yield _told(
            "error",
            trained.path,
            f"{trained.failed} fails in train mode: it is given one value for each mean",
            f"given {shape(trained.given)}; {trained.failure}",
            "normalise over more, or leave the normalisation out there",
            "inputs that are larger in use",
            trained.source,
        )


def _of_chance(call: "ChanceCall | None", largest: float) -> Finding:
    evidence = (
        f"two passes on the same input with other random numbers differ by {number(largest)} of the largest value"
    )
    drops = call is not None and (call.name in _CHANCE or call.name == "scaled_dot_product_attention")
    if call is None or not drops:
        where = f": {call.type} in {call.path or 'the model'}" if call is not None else ""
        return _told(
            "info",
            call.path if call is not None else "",
            f"the output in eval mode is left to chance{where}",
            evidence,
            "draw random numbers where self.training only, or give the model a generator",
            "a model that samples: variational, generative, Monte Carlo",
            call.source if call is not None else None,
        )
    of_attention = call.name == "scaled_dot_product_attention"
    return _told(
        "error",
        call.path,
        f"{call.type} drops elements in eval mode too",
        evidence,
        "give it dropout_p=self.p if self.training else 0.0" if of_attention else "give it training=self.training",
        "Monte Carlo dropout on purpose",
        call.source,
        "" if of_attention or not call.is_users else _with_training(call),
    )


def _with_training(call: "ChanceCall") -> str:
    if call.source is None:
        return ""
    calls = calls_on_line(call.source, *_CHANCE)
    if len(calls) != 1:
        return ""
    if len(calls[0].args) > 2:
        return patch(Edit(call.source.file, calls[0].args[2], "self.training"))
    return patch(with_keyword(call.source.file, calls[0], "training", "self.training"))


@looks_at_module(USELESS_BIAS)
def useless_bias(evidence: Evidence) -> Iterator[Finding]:
    """By the gradient, for the layers that a normalisation follows."""
    from inspector.engine.pytorch.experiments.bias_gradients import bias_gradients
    from inspector.engine.pytorch.experiments.constructor_lines import constructor_lines
    from inspector.engine.pytorch.experiments.flow import flow

    found = evidence.of(flow)
    lines = evidence.of(constructor_lines)
    for one in evidence.of(bias_gradients):
        if one.ratio >= NEGLIGIBLE:
            continue
        made = [node for node in found.nodes if node.path == one.path and node.is_weighted]
        norms = [_next_norm(found, node) for node in made]
        if not made or any(norm is None for norm in norms):
            continue
        norm = norms[0]
        assert norm is not None
        told = finding(
            USELESS_BIAS,
            "info",
            one.path,
            f"the bias of {one.path} does nothing: {norm.type} {norm.path} subtracts it again",
            f"gradient of the bias {number(one.bias)}, of the weight {number(one.weight)}: {number(one.ratio)} of it; "
            f"{things(one.elements, 'parameter')}",
            "make the layer with bias=False",
            "in eval mode it shifts what running statistics expect, so weights that were trained with it need it",
            lines.source_of(one.path),
        )
        yield replace(told, patch=lines.with_keyword(one.path, "bias", "False"))


def _next_norm(flow: "Flow", start: "Node") -> "Node | None":
    """The normalisation behind a node and affine functions of its result alone."""
    affine = [node for node in flow.solely_from(start.number) if not node.is_weighted and node.name not in _NORMS]
    behind = [user for node in (start, *affine) for user in flow.consumers(node.number)]
    return next((node for node in behind if node.name in _NORMS), None)
