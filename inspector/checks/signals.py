"""What becomes of the signal on its way through the layers: whether it dies out, drifts, or leaves units idle."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from inspector.checks.evidence import Evidence, NotObservedError
from inspector.checks.rules import finding, looks, rule
from inspector.core.findings import Finding
from inspector.core.wording import number, percent, things

if TYPE_CHECKING:
    from inspector.engine.activations import Activation, Activations

WEAK, GONE, GONE_EVEN_TRAINED = 0.05, 1e-3, 1e-6
DRIFT, LOW, HIGH = 1e3, 1e-3, 1e3
MANY_DEAD, NEARLY_ALL_DEAD, SATURATED = 0.5, 0.9, 0.5
ENOUGH_VALUES, ENOUGH_UNITS = 64, 8

SIGNAL_COLLAPSE = rule(
    "NN302",
    "signal-collapse",
    "Outputs that hardly depend on the input.",
    "spread = mean over units of the deviation between samples / deviation of all values, of every output: a warning "
    f"below {WEAK}, an error below {GONE:g}; of a model with loaded weights below {GONE_EVEN_TRAINED:g}, since random "
    "input may mean one class to it.",
    "Measured at initialisation: healthy networks 0.15 to 0.98, ten sigmoid layers 4e-8, ten ReLU layers with torch's "
    "default 7e-4.",
)
SCALE_DRIFT = rule(
    "NN303",
    "scale-drift",
    "Activations that grow or shrink from layer to layer without a normalisation that stops it.",
    "The deviation of what each weight is multiplied with, which is after normalisations and skip connections: a "
    f"warning where the largest is more than {DRIFT:g} times the smallest, or one is above {HIGH:g} or below {LOW:g}; "
    f"an output above {HIGH:g}.",
    "Measured at initialisation: healthy networks stay between 0.04 and 2; weights from N(0, 1) reach 5.6e11, from "
    "N(0, 0.01²) 3.7e-11. The remedy is LSUV (Mishkin and Matas, 2016).",
)
DEAD_UNITS = rule(
    "NN305",
    "dead-units",
    "Rectified units that are 0 for every sample and position, sigmoid and tanh units where they are level.",
    f"Units judged by {ENOUGH_VALUES} values or more: a warning above {MANY_DEAD:.0%} dead in a layer of "
    f"{ENOUGH_UNITS} units or more, an error above {NEARLY_ALL_DEAD:.0%}; a warning where more than {SATURATED:.0%} of "
    "a layer's values have less than 2.7 % of the steepest slope, the output layer of a trained model aside.",
    "Measured at initialisation: healthy networks have up to 19 % dead units, ten ReLU layers with torch's default "
    "55 %; the slope of a sigmoid at ±5 is DeepDiagnosis's threshold (2022).",
)


@looks(SIGNAL_COLLAPSE)
def signal_collapse(evidence: Evidence) -> Iterator[Finding]:
    """Of all outputs together: one that is constant may be meant to."""
    found = evidence.activations
    outputs = found.outputs
    if not outputs:
        raise NotObservedError("no output has a row for each sample")
    best = max(outputs, key=lambda one: one.spread or 0.0)
    spread = best.spread or 0.0
    if spread >= WEAK or not any(one.std == one.std for one in outputs):
        return
    where, before, after = _steepest(found, best)
    zero = [one for one in found.weighted if one.zero_weight]
    culprit = zero[-1] if zero and best.std == 0 else where
    at = culprit.path if culprit is not None else best.path
    drop = f"; the largest drop is at {at or 'the output'}: {number(before)} → {number(after)}" if where else ""
    trained = evidence.trained
    error = spread < (GONE_EVEN_TRAINED if trained else GONE)
    if zero and best.std == 0:
        severity, message = "info", "the output is 0 for every input, since weights are 0"
    else:
        severity = "error" if error else "warning"
        message = f"the output hardly depends on the input: {percent(spread)} of its deviation is between samples"
    yield finding(
        SIGNAL_COLLAPSE,
        severity,  # type: ignore[arg-type]  # one of the three
        at,
        message,
        f"spread {number(spread)} over {found.drawn}, deviation {number(best.std)}{drop}",
        "a last layer that starts at 0 needs one step to get going"
        if severity == "info"
        else "initialise for the activation (kaiming for ReLU, xavier for tanh), add normalisation or skip connections",
        "a trained classifier may see one class in random input" if trained else "where samples are meant to agree",
        culprit.source if culprit is not None else best.source,
    )


@looks(SCALE_DRIFT)
def scale_drift(evidence: Evidence) -> Iterator[Finding]:
    """By what weights are multiplied with, and by the outputs."""
    found = evidence.activations
    known = [one for one in found.weighted if one.incoming_std]
    values = [one.incoming_std or 0.0 for one in known]
    outputs = [one for one in found.outputs if one.std > HIGH]
    if not values:
        raise NotObservedError("no weight is multiplied with what comes from the input")
    low, high = min(values), max(values)
    if high <= DRIFT * low and high <= HIGH and low >= LOW and not outputs:
        return
    worst = known[values.index(high if high > 1 / low else low)]
    if outputs and outputs[-1].std > max(high, 1 / low):
        worst = outputs[-1]
    grows = worst.role == "output" or values.index(worst.incoming_std or 0.0) == values.index(high)
    yield finding(
        SCALE_DRIFT,
        "warning",
        worst.path,
        f"activations {'grow' if grows else 'shrink'} from layer to layer: nothing holds their scale",
        f"deviation of what weights are multiplied with {_listed(values)}; of the outputs "
        f"{_listed([one.std for one in found.outputs]) or 'unknown'}, over {found.drawn}",
        "initialise so that each layer keeps the scale (kaiming, xavier, LSUV), or add normalisation",
        "where inputs of such a scale are meant, or a gate keeps them from mattering",
        worst.source,
    )


@looks(DEAD_UNITS)
def dead_units(evidence: Evidence) -> Iterator[Finding]:
    """One finding for all layers with dead units, one for those that are level."""
    found = evidence.activations
    rectified = [
        one
        for one in found.operations
        if one.role == "rectifier" and one.units >= ENOUGH_UNITS and one.values >= ENOUGH_VALUES
    ]
    dead = [one for one in rectified if one.dead > MANY_DEAD * one.units]
    if dead:
        worst = max(dead, key=lambda one: one.dead / one.units)
        share = worst.dead / worst.units
        yield finding(
            DEAD_UNITS,
            "error" if share > NEARLY_ALL_DEAD and (not evidence.trained or share == 1) else "warning",
            worst.path,
            f"{percent(share)} of the units of {worst.path or worst.type} are 0 for every sample: they do not learn",
            f"{worst.dead} of {worst.units} units, each judged by {worst.values:,} values, over {found.drawn}; above "
            f"{MANY_DEAD:.0%} in {things(len(dead), 'layer')} of {len(rectified)}",
            "initialise with kaiming and zero biases, normalise before, or take LeakyReLU or GELU",
            "random input is not data: units may wake up for what they learned",
            worst.source,
        )
    trained = bool(evidence.trained)
    level = [
        one
        for one in found.operations
        if one.role == "bounded" and (one.saturated or 0) > SATURATED and not (trained and one.final)
    ]
    if level:
        worst = max(level, key=lambda one: one.saturated or 0)
        yield finding(
            DEAD_UNITS,
            "warning",
            worst.path,
            f"{percent(worst.saturated)} of the values of {worst.type} in {worst.path or 'the model itself'} are "
            "where it is level: hardly any gradient passes",
            f"over {found.drawn}; more than {SATURATED:.0%} in {things(len(level), 'place')}",
            "initialise with smaller weights (xavier), or normalise before",
            "gates that are meant to be open or shut",
            worst.source,
        )


def _steepest(found: "Activations", output: "Activation") -> "tuple[Activation | None, float, float]":
    """Where the spread falls most from one weight to the next, and from what to what."""
    told = [one for one in found.weighted if one.spread is not None]
    chain: list[Activation] = [*told, output]
    drops = [(((one.spread or 0.0) + 1e-30) / ((two.spread or 0.0) + 1e-30), one, two) for one, two in pairwise(chain)]
    if not drops:
        return None, 0.0, 0.0
    _, one, two = max(drops, key=lambda drop: drop[0])
    return two, one.spread or 0.0, two.spread or 0.0


def _listed(values: Sequence[float]) -> str:
    """First, smallest, largest and last, in their order."""
    if not values:
        return ""
    places = sorted({0, len(values) - 1, values.index(min(values)), values.index(max(values))})
    return " … ".join(number(values[at]) for at in places)
