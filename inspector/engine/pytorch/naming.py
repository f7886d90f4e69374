"""Every state_dict key explained part by part, with the Python expression that reaches its tensor."""

import difflib
from collections import defaultdict
from itertools import islice
from typing import Any

import torch
from torch import nn

from inspector.core.errors import RequestError
from inspector.core.results import KeyExplanation, KeyPart
from inspector.engine.pytorch.expressions import Expressions, quoted
from inspector.engine.pytorch.key_parts import module_part, tensor_part
from inspector.engine.pytorch.places import Holding, holdings_of, identity, places_of
from inspector.engine.pytorch.structure import type_name
from inspector.engine.pytorch.wrappers import wrapper_of

_COMPARED = 2000
"""How many keys are compared letter by letter to find those close to a mistyped one."""


def explain_keys(model: nn.Module, keys: list[str]) -> list[KeyExplanation]:
    """Explain `keys`; where there are none, all keys of the state_dict and then the buffers that it leaves out.

    Raises RequestError where a key is not the model's, with the keys closest to it.
    """
    names = _Names(model)
    return [names.explain(key) for key in keys or names.all_keys()]


class _Names:
    """The keys of one model, both as registered and as its state_dict spells them."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._places = places_of(model)
        self._expressions = Expressions(self._places)
        self._place_at = {place.path: place.index for place in reversed(self._places)}
        holdings = holdings_of(self._places)
        self._registered = {holding.key: holding for holding in reversed(holdings)}
        self._ties: dict[tuple[object, ...], list[Holding]] = defaultdict(list)
        for holding in holdings:
            self._ties[identity(holding.tensor)].append(holding)
        self._paths: dict[int, list[str]] = defaultdict(list)
        for place in self._places:
            self._paths[id(place.module)].append(place.path)
        self._hidden = self._hidden_places()
        # FSDP and activation checkpointing take their token out of the keys they save.
        self._as_saved = {self._saved_key(h): h for h in reversed(holdings)} if self._hidden else {}
        self._parts: dict[int, KeyPart] = {}
        self._state: dict[str, Any] | None = None

    def all_keys(self) -> list[str]:
        unsaved = [holding.key for holding in reversed(self._registered.values()) if not holding.persistent]
        return [*dict.fromkeys([*self._saved(), *unsaved])]

    def explain(self, key: str) -> KeyExplanation:
        holding = self._registered.get(key)
        if holding is not None:
            return self._explain_tensor(key, holding, self._chain(holding.place))
        holding = self._as_saved.get(key)
        if holding is not None:
            chain = [place for place in self._chain(holding.place) if place not in self._hidden]
            return self._explain_tensor(key, holding, chain)
        if key in self._saved():
            return self._explain_entry(key, self._saved()[key])
        raise RequestError(self._unknown(key))

    def _explain_tensor(self, key: str, holding: Holding, chain: list[int]) -> KeyExplanation:
        parts = [self._module_part(place) for place in chain]
        parts.append(self._tensor_part(holding))
        expression = self._expressions.tensor(holding)
        return KeyExplanation(key=key, expression=expression, parts=parts, persistent=holding.persistent)

    def _explain_entry(self, key: str, value: object) -> KeyExplanation:
        """An entry of the state_dict under a key that nothing is registered under."""
        tokens = key.split(".")
        known = len(tokens) - 1
        while known and ".".join(tokens[:known]) not in self._place_at:
            known -= 1
        place = self._place_at.get(".".join(tokens[:known]), 0)
        parts = [self._module_part(each) for each in self._chain(place)]
        if len(parts) != known:  # a module registered under a name with a dot
            parts = [KeyPart(text=".".join(tokens[:known]), kind="name", module_type=None, explanation="a module")]
        owner = type_name(self._places[place].module)
        twins = self._ties.get(identity(value), []) if isinstance(value, torch.Tensor) else []
        between = f"part of a key that {owner} spells in its own way when it is saved"
        parts += [KeyPart(text=token, kind="name", module_type=None, explanation=between) for token in tokens[known:-1]]
        if twins:
            last = self._tensor_part(twins[0])
            explanation = (
                f"{last.explanation}; registered as {twins[0].key}, the model's state_dict spells it otherwise"
            )
            parts.append(
                KeyPart(text=tokens[-1], kind=last.kind, module_type=last.module_type, explanation=explanation)
            )
            return KeyExplanation(key=key, expression=self._expressions.tensor(twins[0]), parts=parts)
        if tokens[-1] == "_extra_state":
            explanation = f"not a tensor that is registered: what get_extra_state() of {owner} returns"
        else:
            explanation = f"not registered as parameter or buffer: {owner} writes it when its state_dict is taken"
        parts.append(KeyPart(text=tokens[-1], kind="attribute", module_type=owner, explanation=explanation))
        return KeyExplanation(key=key, expression=f"model.state_dict()[{quoted(key)}]", parts=parts)

    def _module_part(self, index: int) -> KeyPart:
        if index not in self._parts:
            place = self._places[index]
            parent = self._places[place.parent or 0]
            others = [path for path in self._paths[id(place.module)] if path != place.path]
            above = [self._places[each].module for each in reversed([0, *self._chain(index)[:-1]])]
            self._parts[index] = module_part(place, parent, above, others)
        return self._parts[index]

    def _tensor_part(self, holding: Holding) -> KeyPart:
        group = self._ties[identity(holding.tensor)]
        tied_to = [other.key for other in group if other.key != holding.key]
        return tensor_part(holding, self._places[holding.place], tied_to)

    def _chain(self, index: int) -> list[int]:
        """The places on the way from the root to a place, without the root."""
        chain = []
        place = self._places[index]
        while place.parent is not None:
            chain.append(place.index)
            place = self._places[place.parent]
        return chain[::-1]

    def _hidden_places(self) -> set[int]:
        hidden = set()
        for place in self._places:
            if place.parent is None:
                continue
            wrapper = wrapper_of(self._places[place.parent].module)
            if wrapper is not None and wrapper.hidden and wrapper.token == place.name:
                hidden.add(place.index)
        return hidden

    def _saved_key(self, holding: Holding) -> str:
        chain = [self._places[index].name for index in self._chain(holding.place) if index not in self._hidden]
        return ".".join([*chain, holding.name])

    def _saved(self) -> dict[str, Any]:
        """The state_dict; where a user's hooks make it fail, what is registered to be saved."""
        if self._state is None:
            try:
                # keep_vars: the very tensors, to recognise those that a hook has renamed.
                self._state = {str(key): value for key, value in self._model.state_dict(keep_vars=True).items()}
            except Exception:  # hooks and overridden state_dict() may raise anything
                kept = [holding for holding in reversed(self._registered.values()) if holding.persistent]
                self._state = {holding.key: holding.tensor for holding in kept}
        return self._state

    def _unknown(self, key: str) -> str:
        keys = self.all_keys()
        if key in self._place_at:
            below = [each for each in keys if not key or each.startswith(f"{key}.")]
            if not below:
                return f"{key!r} is a module without parameters or buffers, so the state_dict has no key for it"
            return f"{key!r} is a module, not a tensor; its keys: {', '.join(below[:5])}{', …' if below[5:] else ''}"
        longer = [each for each in keys if each.endswith(f".{key}") or (each and key.endswith(f".{each}"))]
        last = key.rpartition(".")[2]
        alike = [each for each in keys if each.rpartition(".")[2] == last] or keys
        close = longer[:3] or difflib.get_close_matches(key, islice(alike, _COMPARED), n=3, cutoff=0.3)
        if close:
            return f"the model has no state_dict key {key!r}; the closest: {', '.join(close)}"
        first = f"its first are {', '.join(keys[:3])}" if keys else "it has none at all"
        return f"the model has no state_dict key {key!r} nor one like it; {first}"
