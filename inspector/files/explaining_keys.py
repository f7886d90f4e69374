"""The keys of a file part by part, from what the file itself says.

A pickled model tells its classes; of a state_dict only names, shapes and what stands beside them are there, and what
they do not tell is said not to be told.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from inspector.core.errors import RequestError
from inspector.core.layer_meanings import Shape, layer_meaning, shape_text
from inspector.core.results import KeyExplanation, KeyPart
from inspector.core.table import ModelTable, Tensor
from inspector.core.wording import things
from inspector.core.wrapper_tokens import WRAPPER_TOKENS
from inspector.files.catalog import Catalog, CatalogContainer, CatalogModule, CatalogTensor
from inspector.files.likely_layers import likely_layer, likely_meaning
from inspector.files.optimizer_slots import SLOTS, OptimizerSlots

LISTED = 3
"""Keys or indices that a sentence names."""
_COMPARED = 2000
_TORCH = "torch.nn."
_CONTAINERS = {
    "Sequential": "position {} of the Sequential, which runs its modules in order",
    "ModuleList": "position {} of the ModuleList",
    "ModuleDict": "key {!r} of the ModuleDict",
}
_ROLES = {
    "state_dict": "the model's state_dict", "model_state_dict": "the model's state_dict", "model": "the model",
    "net": "the model", "ema": "an average of the model's weights", "model_ema": "an average of the model's weights",
    "state_dict_ema": "an average of the model's weights", "teacher": "the teacher's weights",
    "student": "the student's weights", "generator": "the generator's weights",
    "discriminator": "the discriminator's weights", "optimizer": "what the optimizer keeps",
    "optimizer_state_dict": "what the optimizer keeps", "optimizer_states": "what the optimizers keep (Lightning)",
    "scheduler": "what the schedule of the learning rate keeps", "lr_schedulers": "what the schedules keep (Lightning)",
    "param_groups": "the optimizer's settings, and which parameters they are for",
    "scaler": "the gradient scaler's state",
}  # fmt: skip
_Place = tuple[tuple[str, ...], str]
"""A model's container, and the path of a module in it."""


class FileKeys:
    """Explanations of the keys of one file."""

    def __init__(self, catalog: Catalog, table: ModelTable) -> None:
        self._tensors = {tensor.key: tensor for tensor in catalog.tensors}
        self._told: dict[str, Tensor] = {tensor.key: tensor for tensor in table.tensors}
        self._containers: dict[tuple[str, ...], CatalogContainer] = {
            tuple(container.path): container for container in catalog.containers
        }
        self._modules: dict[_Place, CatalogModule] = {
            (tuple(module.container), module.path): module for module in catalog.modules
        }
        self._slots = OptimizerSlots(catalog)
        self._leaves: dict[_Place, dict[str, Shape]] = defaultdict(dict)
        self._children: dict[_Place, dict[str, None]] = defaultdict(dict)
        for tensor in catalog.tensors:
            container = tuple(tensor.container)
            *path, name = tensor.name.split(".")
            self._leaves[container, ".".join(path)][name] = tensor.shape
            for at, token in enumerate(path):
                self._children[container, ".".join(path[:at])][token] = None

    def explain(self, keys: Iterable[str]) -> list[KeyExplanation]:
        """Explain `keys`, all of the file where there are none.

        Raises RequestError where the file does not have one, with those that come close.
        """
        return [self._explained(key) for key in keys or self._tensors]

    def _explained(self, key: str) -> KeyExplanation:
        tensor = self._tensors.get(key)
        if tensor is None:
            raise RequestError(self._unknown(key))
        container = tuple(tensor.container)
        parts = [self._container_part(container[: at + 1]) for at in range(len(container))]
        if self._slots.state_of(tensor):
            parts[-1] = self._number_part(tensor)
            parts.append(self._slot_part(tensor))
        else:
            *path, name = tensor.name.split(".")
            parts += [self._module_part(container, path[: at + 1]) for at in range(len(path))]
            parts.append(self._tensor_part(tensor, (container, ".".join(path)), name))
        return KeyExplanation(key=key, expression=self._told[key].expression, parts=parts, persistent=tensor.persistent)

    def _container_part(self, path: tuple[str, ...]) -> KeyPart:
        found, above = self._containers.get(path), self._containers.get(path[:-1])
        outer = above.type.rpartition(".")[2] if above else "mapping"
        what = found.type.rpartition(".")[2] if found else "mapping"
        held = f" with {things(found.tensors, 'tensor')}" if found and found.tensors else ""
        role = f": {_ROLES[path[-1]]}" if path[-1] in _ROLES else ""
        key = f"item {path[-1]}" if above and above.numbered else f"key {path[-1]!r}"
        explanation = f"{key} of the {outer} in the file, a {what}{held}{role}"
        return KeyPart(text=path[-1], kind="container", module_type=None, explanation=explanation)

    def _number_part(self, tensor: CatalogTensor) -> KeyPart:
        number, key = tensor.container[-1], self._slots.parameter(tensor)
        which = (
            f"{key}, if the optimizer was given model.parameters(): all that it keeps has the shapes of these in order"
            if key
            else "which one that is, the file does not tell: the order in which the optimizer was given them"
        )
        explanation = f"parameter number {number} of the optimizer: {which}"
        return KeyPart(text=number, kind="index", module_type=None, explanation=explanation)

    def _slot_part(self, tensor: CatalogTensor) -> KeyPart:
        what = SLOTS.get(tensor.name, "something that the optimizer keeps")
        key = self._slots.parameter(tensor)
        whose = key or f"parameter {tensor.container[-1]}"
        explanation = f"{what}, for {whose}, shape {shape_text(tensor.shape)}"
        return KeyPart(text=tensor.name, kind="slot", module_type=None, explanation=explanation)

    def _module_part(self, container: tuple[str, ...], path: list[str]) -> KeyPart:
        place, above = (container, ".".join(path)), (container, ".".join(path[:-1]))
        module, owner, token = self._modules.get(place), self._modules.get(above), path[-1]
        leads_to = f": {_described(module)}" if module else ""
        shared = module.shared_with if module else None
        same = "" if shared is None else f"; the same module as {shared or 'the model itself'} (shared)"
        kind, explanation = self._token(token, above, owner, place)
        return KeyPart(
            text=token,
            kind=kind,
            module_type=module.type if module else None,
            explanation=f"{explanation}{leads_to}{same}",
        )

    def _token(self, token: str, above: _Place, owner: CatalogModule | None, place: _Place) -> tuple[str, str]:
        beside = self._children[above]
        wraps = token in WRAPPER_TOKENS and len(beside) == 1 and not self._leaves.get(above)
        if wraps and (owner is None or not owner.class_path.startswith(f"{_TORCH}modules.")):
            # A layer of a user's may be called "module" too; what stands alone there is a wrapper's, nearly always.
            return "wrapper", WRAPPER_TOKENS[token]
        if token == "parametrizations":
            return (
                "attribute",
                "added by torch.nn.utils.parametrize: what the layer's tensors are computed from",
            )
        if owner is not None:
            container = owner.type if owner.class_path.startswith(_TORCH) else ""
            if container in _CONTAINERS:
                return ("index" if token.isdecimal() else "name"), _CONTAINERS[container].format(token)
            return "attribute", f"attribute {token} of class {owner.type}"
        if token.isdecimal():
            return "index", f"{_position(token, beside)}{self._likely(place)}"
        return "attribute", f"a module of a class that the file does not name{self._likely(place)}"

    def _likely(self, place: _Place) -> str:
        likely = likely_layer(self._leaves[place]) if place in self._leaves else None
        return f"; by its tensors {likely.words}" if likely else ""

    def _tensor_part(self, tensor: CatalogTensor, place: _Place, name: str) -> KeyPart:
        told, module = self._told[tensor.key], self._modules.get(place)
        if module is None:
            sentences = [likely_meaning(name, self._leaves[place])]
        else:
            what = f"{told.kind} of {module.type}"
            meaning = _meaning(module, name, tensor.shape)
            sentences = [f"{what}: {meaning}" if meaning else f"{what}, shape {shape_text(tensor.shape)}"]
        if not tensor.persistent:
            sentences.append("persistent=False: in the model but not in its state_dict")
        if told.tied_to:
            more = f" and {len(told.tied_to) - LISTED} more" if len(told.tied_to) > LISTED else ""
            sentences.append(f"the same memory as {', '.join(told.tied_to[:LISTED])}{more}")
        return KeyPart(
            text=name,
            kind=told.kind,
            module_type=module.type if module else None,
            explanation="; ".join(sentences),
        )

    def _unknown(self, key: str) -> str:
        known = list(self._tensors)
        near = difflib.get_close_matches(key, known[:_COMPARED], n=LISTED, cutoff=0.5)
        below = [other for other in known if other.startswith(f"{key}.")]
        if below:
            return f"{key} is no tensor of the file but a part of keys, such as {below[0]}; name a whole one"
        more = f"; did you mean {', '.join(near)}?" if near else "; without a key all are listed"
        return f"the file has no key {key}{more}"


def _described(module: CatalogModule) -> str:
    return f"{module.type}({module.hyperparameters})" if module.hyperparameters else module.type


def _meaning(module: CatalogModule, name: str, shape: Shape) -> str | None:
    layers = [module.type] if module.class_path.startswith(_TORCH) else []
    return layer_meaning(layers, name, shape, module.settings.get("padding_idx"))


def _position(token: str, beside: Mapping[str, None]) -> str:
    """What an index is, and the indices that have no tensors."""
    indices = {int(other) for other in beside if other.isdecimal() and len(other) < 7}
    text = f"position {token} of a Sequential, ModuleList or the like: keys do not tell which"
    if len(indices) < len(beside):
        return text
    last = max(indices, default=0)
    gaps = [str(at) for at in range(last if last < _COMPARED else 0) if at not in indices]
    if not gaps:
        return text
    more = " …" if len(gaps) > LISTED else ""
    are = "is a layer" if len(gaps) == 1 else "are layers"
    return f"{text}; {', '.join(gaps[:LISTED])}{more} {are} without tensors, as activations and dropout are"
