"""The parts of a state_dict key in plain words: what each token is, who named it, and what the tensor is for."""

from torch import nn

from inspector.core.results import KeyPart
from inspector.engine.pytorch.expressions import as_index, is_attribute_name, quoted
from inspector.engine.pytorch.places import Holding, Place, elements_of
from inspector.engine.pytorch.registering_lines import adding_line, registering_line
from inspector.engine.pytorch.structure import container_of, parametrizations_of, type_name
from inspector.engine.pytorch.tensor_meanings import meaning_of
from inspector.engine.pytorch.wrappers import wrapper_of

LISTED = 3
"""How many other places of a shared module or tensor a sentence names."""


def module_part(place: Place, parent: Place, ancestors: list[nn.Module], same_module: list[str]) -> KeyPart:
    """The token that leads from `parent` to `place`.

    `ancestors` are the modules above, nearest first; `same_module` the other paths of the very module.
    """
    kind, explanation = _module_words(place, parent, ancestors)
    if same_module:
        explanation += f"; the same module as {_listed(same_module)} (shared)"
    return KeyPart(text=place.name, kind=kind, module_type=type_name(place.module), explanation=explanation)


def tensor_part(holding: Holding, owner: Place, tied_to: list[str]) -> KeyPart:
    """The last token: a parameter or buffer that the module at `owner` registers."""
    module, name, tensor = owner.module, holding.name, holding.tensor
    cls = type_name(module)
    if isinstance(module, nn.ParameterList) and as_index(name) is not None:
        what = f"{holding.kind}, entry {name} of a ParameterList"
    elif isinstance(module, nn.ParameterDict):
        what = f"{holding.kind}, entry {quoted(name)} of a ParameterDict"
    else:
        what = f"{holding.kind} of {cls}"
    sentences = [f"{what}: {meaning}" if (meaning := meaning_of(module, name, tensor)) else what]
    if line := registering_line(type(module), name):
        sentences.append(f"registered in {line}")
    if holding.kind == "parameter":
        sentences.append(
            "trained" if tensor.requires_grad else "frozen (requires_grad=False): training leaves it as it is"
        )
    elif holding.persistent:
        sentences.append("persistent: saved in the state_dict, not trained")
    else:
        sentences.append("persistent=False: in the model but not saved in the state_dict, not trained")
    if elements_of(tensor) is None:
        sentences.append("uninitialised: it gets its shape from the first pass")
    if tied_to:
        sentences.append(f"the same tensor as {_listed(tied_to)} (tied): a change to one changes both")
    return KeyPart(text=name, kind=holding.kind, module_type=cls, explanation="; ".join(sentences))


def _module_words(place: Place, parent: Place, ancestors: list[nn.Module]) -> tuple[str, str]:
    """Kind and explanation of a module's token."""
    name, owner = place.name, parent.module
    cls = type_name(owner)
    leads_to = f": {type_name(place.module)}"
    wrapper = wrapper_of(owner)
    if wrapper is not None and wrapper.token == name:
        return "wrapper", wrapper.explanation
    if name == "parametrizations" and (computed := parametrizations_of(owner)):
        return "attribute", (
            f"added to {cls} by torch.nn.utils.parametrize: below it are the tensors from which "
            f"{', '.join(computed)} is computed whenever it is read"
        )
    container = container_of(owner)
    # A subclass of a container is named with what it is: "position 0 of the ConvNormActivation (a Sequential)".
    of_what = f"a {container}" if cls == container else f"the {cls} (a {container})"
    index = as_index(name)
    if container == "Sequential":
        if index == place.position:
            return "index", f"position {index} of {of_what}, which runs its modules in order{leads_to}"
        if line := registering_line(type(owner), name):
            return "attribute", f"attribute {name} of {of_what}{leads_to}, set in {line}"
        line = _line_that_adds(place, ancestors)
        given = f"name given to add_module({quoted(name)}, …)" + (f" in {line}," if line else " or in an OrderedDict")
        return "name", f"{given} of {of_what}, which runs it at position {place.position}{leads_to}"
    if container == "ModuleList" and index is not None:
        return "index", f"position {index} of {of_what}{leads_to}"
    if container == "ModuleDict":
        steps = list(parametrizations_of_dict(owner, name))
        if steps:
            return "name", f"what the layer's {name} is computed from, by {' then '.join(steps)}"
        return "name", f"key {quoted(name)} of {of_what}{leads_to}"
    if not is_attribute_name(name):
        line = _line_that_adds(place, ancestors)
        given = f"name given to add_module({quoted(name)}, …)" + (f" in {line}," if line else "")
        return "name", f"{given} of class {cls}{leads_to}; not a Python name, so it takes getattr to reach it"
    line = registering_line(type(owner), name)
    return "attribute", f"attribute {name} of class {cls}{leads_to}{f', set in {line}' if line else ''}"


def parametrizations_of_dict(owner: nn.Module, name: str) -> list[str]:
    """The classes that compute the tensor `name`, where `owner` is the ``parametrizations`` of a layer; else none."""
    holder = nn.Module()
    holder._modules["parametrizations"] = owner
    return [type_name(step) for step in parametrizations_of(holder).get(name, [])]


def _line_that_adds(place: Place, ancestors: list[nn.Module]) -> str | None:
    for module in ancestors:
        if line := adding_line(type(module), place.name):
            return line
    return None


def _listed(others: list[str]) -> str:
    more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
    return ", ".join(others[:LISTED]) + more
