"""The input that a model takes, worked out: from the first sure sources to the last resort."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace
from torch import nn

from inspector.core.input_names import argument_of
from inspector.core.recipe import InputSpec
from inspector.engine.live import Progress
from inspector.engine.pytorch.inputs.batches import also_with_other_batch, with_other_batch
from inspector.engine.pytorch.inputs.candidates import candidates, floating_dtypes
from inspector.engine.pytorch.inputs.constructed import guesses_by_sizes
from inspector.engine.pytorch.inputs.declared import Example, declared_examples
from inspector.engine.pytorch.inputs.distinct_sizes import with_distinct_sizes
from inspector.engine.pytorch.inputs.first_guesses import (
    first_guesses,
    is_state,
    optional_parameters,
    required_parameters,
    takes_any_number,
)
from inspector.engine.pytorch.inputs.repairing import Guess, repairs
from inspector.engine.pytorch.inputs.searching import PATIENCE, OutOfPatienceError, OutOfTriesError, Search, find
from inspector.engine.pytorch.inputs.solutions import Solutions, solutions_of
from inspector.engine.pytorch.inputs.solving import solved_guesses
from inspector.engine.pytorch.inputs.trying import Outcome, attempt
from inspector.engine.pytorch.passes import Pass

MOST_IMPROVEMENTS = 8
MOST_CALLS_FOR_A_BATCH = 2000
PATIENCE_LATER = 20
"""With another number of samples, where most of what can be learned was learned before."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of working an input out."""

    guess: Guess | None
    """None where none was found."""
    example: Example | None = None
    """Where the model or its source declares the input."""
    solutions: dict[str, Solutions] = field(default_factory=dict)
    tried: list[Outcome] = field(default_factory=list)
    """What was tried, in order."""
    other_batch: str = ""
    """What a pass on twice as many samples showed, if that was not what it should."""
    made: Pass | None = None
    """The pass on it, if it recorded all that the table shows."""


def infer(model: nn.Module, target: str, given: list[InputSpec], seed: int, progress: Progress) -> Found:
    """An input on which the model runs, in which the `given` parts stay as they are."""
    fixed = _named(model, given)

    def tried(guess: Guess) -> Outcome:
        progress(len(search.outcomes) + 1, None, f"trying input {' '.join(map(str, guess))}")
        return attempt(model, guess, seed)

    search = Search(tried)
    try:
        found, example = _first_that_works(model, target, fixed, search)
    except OutOfTriesError:
        found, example = None, None
    if found is None:
        return Found(guess=None, tried=list(search.outcomes.values()))
    search.be_patient_for(None)
    pinned = frozenset(spec.name for spec in fixed)
    if found.made is not None:
        # Every pass costs seconds: what runs is enough.
        return Found(guess=found.guess, example=example, tried=list(search.outcomes.values()), made=found.made)
    try:
        found = _improved(search, found, pinned, _batch(model))
        if found.calls <= MOST_CALLS_FOR_A_BATCH:
            found = also_with_other_batch(search, found, pinned)
            if example is None:
                found = with_distinct_sizes(model, search, found, pinned)
        solutions = solutions_of(search, found, pinned)
        other_batch = "" if fixed or found.calls > MOST_CALLS_FOR_A_BATCH else with_other_batch(search, found)
    except OutOfTriesError:
        solutions, other_batch = {}, ""
    tried_ones = list(search.outcomes.values())
    return Found(guess=found.guess, example=example, solutions=solutions, tried=tried_ones, other_batch=other_batch)


def _batch(model: nn.Module) -> int:
    """One sample; two in train mode, where BatchNorm refuses a single one."""
    return 2 if model.training else 1


def _first_that_works(
    model: nn.Module, target: str, fixed: Guess, search: Search
) -> tuple[Outcome | None, Example | None]:
    pinned = frozenset(spec.name for spec in fixed)
    usual = first_guesses(model, _batch(model), floating_dtypes(model)[0])
    examples = declared_examples(model, target, _batch(model), usual[0] if usual else ())
    for example in examples:
        outcome = search(_with_fixed(example.guess, fixed))
        if outcome.works:
            return outcome, example
    if not fixed:
        for guess in guesses_by_sizes(model, _batch(model)):
            outcome = search(guess)
            if outcome.works:
                return outcome, None
    extras = _extras(model, fixed)
    for place, batch in enumerate(_batches(model, fixed)):
        search.be_patient_for(PATIENCE_LATER if place else PATIENCE)
        starts = (_with_fixed(guess, fixed) for guess in _starts(model, batch))
        try:
            found = find(search, starts, batch, pinned, extras)
        except OutOfPatienceError:
            continue
        if found is not None:
            return _with_fewer(search, found, batch, _batch(model), pinned), None
    return None, None


def _with_fewer(search: Search, found: Outcome, batch: int, fewer: int, pinned: frozenset[str]) -> Outcome:
    """With as few samples as there usually are, if that works too and merely was not come to."""
    search.be_patient_for(None)
    if batch == fewer or pinned:
        return found
    outcome = search(
        tuple(
            replace(spec, shape=[fewer, *spec.shape[1:]]) if spec.shape and spec.shape[0] == batch else spec
            for spec in found.guess
        )
    )
    return outcome if outcome.works else found


def _batches(model: nn.Module, fixed: Guess) -> list[int]:
    """How many samples to try: first as many as what was given has, along the second axis of a state."""
    given: list[int] = []
    for spec in fixed:
        if spec.shape:
            state = len(spec.shape) == 3 and is_state(argument_of(spec.name))
            given.append(spec.shape[1 if state else 0])
    return list(dict.fromkeys([*given, _batch(model), 2 * _batch(model)]))


def _starts(model: nn.Module, batch: int) -> Iterator[Guess]:
    for dtype in floating_dtypes(model):
        yield from first_guesses(model, batch, dtype)
    names = [each.name for each in required_parameters(model)] or [each.name for each in optional_parameters(model)[:1]]
    if names:
        yield from candidates(model, names, batch)


def _extras(model: nn.Module, fixed: Guess) -> list[InputSpec]:
    """Arguments that may be left out, as they would be given."""
    heads = {argument_of(spec.name) for spec in fixed}
    dtype = floating_dtypes(model)[0]
    return [
        InputSpec(name=each.name, shape=[_batch(model), 16], dtype=dtype)
        for each in optional_parameters(model)
        if each.name not in heads
    ]


def _with_fixed(guess: Guess, fixed: Guess) -> Guess:
    """The guess with what was given in the place of its own."""
    heads = {argument_of(spec.name) for spec in fixed}
    return (*fixed, *(spec for spec in guess if argument_of(spec.name) not in heads))


def _named(model: nn.Module, given: list[InputSpec]) -> Guess:
    """What was given, each with the name of its argument."""
    taken = {argument_of(spec.name) for spec in given if spec.name}
    free = iter([each.name for each in required_parameters(model) if each.name not in taken])
    return tuple(spec if spec.name else replace(spec, name=next(free, "")) for spec in given)


def _improved(search: Search, found: Outcome, pinned: frozenset[str], batch: int) -> Outcome:
    """The input as the calls that succeeded would rather have had it, where the model runs with that too."""
    tried = 0
    while tried < MOST_IMPROVEMENTS:
        better = None
        for want in found.wants:
            if want.multiple is not None and not want.grow:
                solved = [search(guess) for guess in solved_guesses(search, found, want, pinned)]
                better = next((one for one in solved if one.works and len(one.wants) < len(found.wants)), None)
                tried += 1
                break
            for guess in repairs(found.guess, want, batch, pinned):
                if search.knows(guess) or guess == found.guess:
                    continue
                tried += 1
                outcome = search(guess)
                if outcome.works:
                    better = outcome
                    break
                inner = find(search, [guess], batch, pinned, [], budget=12)
                if inner is not None and len(inner.wants) < len(found.wants):
                    better = inner
                break
            if better is not None or tried >= MOST_IMPROVEMENTS:
                break
        if better is None:
            return found
        found = better
    return found


def as_typed(model: nn.Module, guess: Guess) -> list[InputSpec]:
    """The specs as one would type them: without names where those are the arguments in order."""
    names = [each.name for each in required_parameters(model)]
    heads = [argument_of(spec.name) for spec in guess]
    whole = [spec.name for spec in guess] == names or (takes_any_number(model) and set(heads) == set(names))
    if whole and all(spec.value is None for spec in guess):
        return [replace(spec, name="") for spec in guess]
    return list(guess)
