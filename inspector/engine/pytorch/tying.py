"""Which parameters are one, and which are trained: the edits `tie` and `requires_grad`."""

from torch import nn

from inspector.core.edits import Edit
from inspector.core.errors import RequestError
from inspector.core.wording import shape, things
from inspector.engine.live import Undo
from inspector.engine.pytorch.places import Holding, holdings_of, places_of
from inspector.engine.pytorch.structure import dtype_name, submodule

REQUIRES_GRAD = ("True", "False")


def apply_tie(model: nn.Module, edit: Edit) -> tuple[list[str], str, Undo]:
    """Register the parameter `edit.argument` wherever the parameter `edit.where` is registered.

    Raises RequestError where one of the two is missing, or they could not be one.
    """
    held = {holding.key: holding for holding in holdings_of(places_of(model)) if holding.kind == "parameter"}
    for key in (edit.where, edit.argument):
        if key not in held:
            raise RequestError(f"{key!r} is no parameter of the model; `nninspect keys` lists them")
    gone, kept = held[edit.where].tensor, held[edit.argument].tensor
    if gone is kept:
        raise RequestError(f"{edit.where} and {edit.argument} are one parameter already")
    sides = [f"{shape(list(one.shape))} {dtype_name(one.dtype)} on {one.device}" for one in (gone, kept)]
    if sides[0] != sides[1]:
        raise RequestError(f"{edit.where} is {sides[0]}, {edit.argument} {sides[1]}: they cannot be one parameter")
    registries = [
        (module._parameters, name)
        for module in {id(place.module): place.module for place in places_of(model)}.values()
        for name, tensor in module._parameters.items()
        if tensor is gone
    ]
    for registry, name in registries:
        registry[name] = kept  # type: ignore[assignment]  # a holding of kind "parameter" is a Parameter

    def undo() -> None:
        for registry, name in registries:
            registry[name] = gone  # type: ignore[assignment]

    keys = [key for key, holding in held.items() if holding.tensor is gone]
    return keys, f"{edit.where} is {edit.argument} now", undo


def apply_requires_grad(model: nn.Module, edit: Edit) -> tuple[list[str], str, Undo]:
    """Let the parameter at a key, or all at or below a module, require a gradient or not, as `edit.argument` says.

    Raises RequestError where there are none that could.
    """
    if edit.argument not in REQUIRES_GRAD:
        raise RequestError(f"{edit.argument!r} is neither True nor False")
    wanted = edit.argument == "True"
    chosen = _parameters_at(model, edit.where)
    before = [(holding.tensor, holding.tensor.requires_grad) for holding in chosen]
    changed = [holding for holding in chosen if holding.tensor.requires_grad != wanted]

    def undo() -> None:
        for tensor, required in before:
            tensor.requires_grad_(required)

    try:
        for holding in changed:
            holding.tensor.requires_grad_(wanted)
    except RuntimeError as problem:
        undo()
        raise RequestError(f"torch refuses: {str(problem).splitlines()[0]}") from None
    told = "requires a gradient" if wanted else "is frozen"
    return (
        [one.key for one in changed],
        f"{edit.where or 'the model'} {told}: {things(len(changed), 'parameter')} changed",
        undo,
    )


def _parameters_at(model: nn.Module, where: str) -> list[Holding]:
    """Those of floating or complex numbers, which alone can have gradients."""
    held = [
        holding
        for holding in holdings_of(places_of(model))
        if holding.kind == "parameter" and (holding.tensor.is_floating_point() or holding.tensor.is_complex())
    ]
    exact = [holding for holding in held if holding.key == where]
    if exact:
        return exact
    submodule(model, where)
    below = [holding for holding in held if not where or holding.key.startswith(f"{where}.")]
    if not below:
        raise RequestError(f"{where or 'the model'} has no parameters that could have gradients")
    return below
