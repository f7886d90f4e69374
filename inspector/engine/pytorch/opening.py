"""From a recipe to a PyTorch module: which object is meant, and how it is constructed."""

import ast
import copy
import difflib
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from urllib.error import URLError

from torch import nn
from torch.nn.modules import loss

from inspector.core.errors import ModelEndedError, NoOneModelError, RequestError
from inspector.core.recipe import Recipe, Target, as_typed, parse_arguments, parse_target
from inspector.core.typed_command import typed_command
from inspector.engine.pytorch.importing import first_line, import_target_file, import_target_module
from inspector.engine.random_state import seeded

Factory = Callable[..., object]


class Opened:
    """A model and how to build it once more."""

    def __init__(
        self,
        model: nn.Module,
        name: str,
        build: Callable[[int], nn.Module],
        left_out: str = "",
        constructor: "Constructor | None" = None,
    ) -> None:
        self.model = model
        self.name = name
        """What the user calls it: the class, function or variable."""
        self.build = build
        """Build another one with this seed; a copy where the target is an instance."""
        self.left_out = left_out
        """What it was made without, because it could not be downloaded, as a sentence."""
        self.constructor = constructor
        """What makes it with other arguments; None where the target is an instance."""


class Constructor(NamedTuple):
    """A class or function that makes a model."""

    values: dict[str, object]
    """Its named arguments: those given, else their defaults."""
    takes_any_name: bool
    rebuild: Callable[[dict[str, object]], nn.Module]
    """Make the model with these arguments in place of the same given ones."""


class _NotDownloadedError(RequestError):
    """A constructor wanted to download weights."""


def open_module(recipe: Recipe) -> Opened:
    """Import the target and make the model that it names.

    Raises RequestError with the command to type where the target is ambiguous, lacks arguments or fails to construct.
    """
    target = parse_target(recipe.target)
    module = (import_target_file if target.kind == "python_file" else import_target_module)(target.location)
    name, found = _named(module, target) if target.name else _only_candidate(module, target, recipe)
    positional, named = parse_arguments(recipe.arguments)
    if isinstance(found, nn.Module):
        if positional or named:
            raise RequestError(f"{name} in {target.location} is a model already, so it takes no --args; leave them out")
        instance = found
        return Opened(instance, name, lambda seed: copy.deepcopy(instance))
    if not callable(found):
        raise RequestError(
            f"{name} in {target.location} is a {type(found).__name__}, not a model: "
            "name a torch.nn.Module class, an instance, or a function that returns one"
        )
    factory: Factory = found
    _check_arguments(factory, positional, named, name, recipe)

    def build(seed: int, more: dict[str, object] | None = None) -> nn.Module:
        with seeded(seed):
            return _construct(factory, positional, {**named, **(more or {})}, name, target)

    constructor = Constructor(*_values(factory, positional, named), lambda more: build(recipe.seed, more))
    try:
        return Opened(build(recipe.seed), name, build, constructor=constructor)
    except _NotDownloadedError as problem:
        # Weights that are asked for by default only: the same model without them is better than none.
        asking = {key: value for key, value in _asking_for_weights(factory).items() if key not in named}
        if not asking or positional:
            raise
        without = partial(build, more=asking)
        left_out = f"made with {as_typed([], asking)}: {problem.__cause__ or problem}"
        made = constructor._replace(rebuild=lambda more: build(recipe.seed, {**asking, **more}))
        return Opened(
            without(recipe.seed), name, without, f"weights could not be downloaded; {left_out}", constructor=made
        )


def _named(module: ModuleType, target: Target) -> tuple[str, object]:
    found: object = module
    for part in (target.name or "").split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [name for name, value in vars(module).items() if _is_model(value) or inspect.isfunction(value)]
            close = difflib.get_close_matches(target.name or "", names, n=3, cutoff=0.4) or sorted(names)[:5]
            hint = f"; did you mean {', '.join(close)}?" if close else ""
            raise RequestError(f"{target.location} has no {target.name!r}{hint}") from None
    return target.name or "", found


def _is_model(value: object) -> bool:
    return isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))


def _only_candidate(module: ModuleType, target: Target, recipe: Recipe) -> tuple[str, object]:
    """The model that a file means when no name is given: the rule of the contract."""
    instances: dict[int, tuple[str, nn.Module]] = {}
    for name, value in vars(module).items():
        if isinstance(value, nn.Module):
            instances.setdefault(id(value), (name, value))
    classes = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    }
    # A criterion beside models is none of them.
    models = {id: one for id, one in instances.items() if type(one[1]).__module__ != loss.__name__}
    instances = models if models or classes else instances
    if len(instances) == 1:
        return next(iter(instances.values()))
    if instances:
        names = [name for name, _ in instances.values()]
        raise NoOneModelError(_listing(target, recipe, [(name, "") for name in names], "models"), names)
    used = _used_by_other_classes(module, set(classes))
    candidates = {name: value for name, value in classes.items() if name not in used} or classes
    positional, named = parse_arguments(recipe.arguments)
    fitting = [name for name, value in candidates.items() if _binds(value, positional, named)]
    if len(fitting) == 1:
        return fitting[0], candidates[fitting[0]]
    if len(candidates) == 1:
        # The one class there is, with arguments that do not fit: the check of its arguments says which.
        return next(iter(candidates.items()))
    if not candidates:
        functions = [
            (n, "") for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__
        ]
        if functions:
            raise NoOneModelError(_listing(target, recipe, functions, "functions and no model"), [])
        sentence = f"{target.location} holds no model: no torch.nn.Module class or instance is defined in it"
        raise NoOneModelError(sentence, [])
    shown = [(name, _missing(candidates[name], positional, named)) for name in (fitting or candidates)]
    raise NoOneModelError(_listing(target, recipe, shown, "models"), fitting)


def _listing(target: Target, recipe: Recipe, names: list[tuple[str, str]], what: str) -> str:
    given = recipe.arguments
    commands = [_command(recipe, f"{target.location}:{name}", given, missing) for name, missing in names[:12]]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"{target.location} holds {len(names)} {what}; say which, with one of:\n  " + "\n  ".join(commands) + more


def _command(recipe: Recipe, target: str, arguments: str, missing: str = "") -> str:
    """What was typed, with another target and the arguments that are missing."""
    return typed_command(recipe, target, ", ".join(filter(None, [arguments, missing])))


def _used_by_other_classes(module: ModuleType, names: set[str]) -> set[str]:
    """Classes that another class of the file names, as a base or in its body."""
    try:
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            mentioned = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            mentioned |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
            used |= (mentioned & names) - {node.name}
    return used


def _values(factory: Factory, positional: list[object], named: dict[str, object]) -> tuple[dict[str, object], bool]:
    signature = _signature(factory)
    if signature is None:
        return dict(named), True
    bound = signature.bind(*positional, **named)
    bound.apply_defaults()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = signature.parameters.values()
    values = {each.name: bound.arguments[each.name] for each in parameters if each.kind in by_name}
    # What was given by place cannot be given by name too.
    for name in list(signature.parameters)[: len(positional)]:
        values.pop(name, None)
    return values, any(each.kind == each.VAR_KEYWORD for each in parameters)


def _signature(factory: Factory) -> inspect.Signature | None:
    try:
        return inspect.signature(factory)
    except (TypeError, ValueError):
        return None


def _binds(factory: Factory, positional: list[object], named: dict[str, object]) -> bool:
    signature = _signature(factory)
    if signature is None:
        return True
    try:
        signature.bind(*positional, **named)
    except TypeError:
        return False
    return True


def _missing(factory: Factory, positional: list[object], named: dict[str, object]) -> str:
    """The required arguments not given, as text to complete: ``num_classes=…``."""
    signature = _signature(factory)
    if signature is None:
        return ""
    try:
        given = set(signature.bind_partial(*positional, **named).arguments)
    except TypeError:
        given = set(named)
    absent = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY, parameter.POSITIONAL_ONLY)
        and parameter.name not in given
    ]
    return ", ".join(f"{name}=…" for name in absent)


def _check_arguments(
    factory: Factory, positional: list[object], named: dict[str, object], name: str, recipe: Recipe
) -> None:
    if _binds(factory, positional, named):
        return
    signature = _signature(factory)
    unknown = _unknown(signature, named)
    if unknown:
        known = {key: value for key, value in named.items() if key not in unknown}
        missing = _missing(factory, positional, known)
        command = _command(recipe, recipe.target, as_typed(positional, known), missing)
        raise RequestError(f"{name} has no argument {', '.join(unknown)}: it is {name}{signature}; type\n  {command}")
    _refuse_positional(signature, positional, named, name, recipe)
    missing = _missing(factory, positional, named)
    if missing:
        command = _command(recipe, recipe.target, recipe.arguments, missing)
        needs = missing.replace("=…", "")
        raise NoOneModelError(f"{name}{signature} needs arguments that have no default: {needs}; type\n  {command}", [])
    takes = f"{name}{signature}"
    raise RequestError(f"--args {recipe.arguments!r} does not fit {takes}; change --args to what it takes")


def _refuse_positional(
    signature: inspect.Signature | None,
    positional: list[object],
    named: dict[str, object],
    name: str,
    recipe: Recipe,
) -> None:
    """Refuse more arguments by position than there are, and one given by position and by name."""
    parameters = list(signature.parameters.values()) if signature is not None else []
    if signature is None or any(each.kind == each.VAR_POSITIONAL for each in parameters):
        return
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if len(positional) > len(places):
        others = "name the others" if any(each.kind == each.KEYWORD_ONLY for each in parameters) else "leave some out"
        raise RequestError(
            f"--args {recipe.arguments!r} has too many positional arguments for {name}{signature}: "
            f"it takes {len(places) or 'none'} by position, and {len(positional)} are given; {others}"
        )
    twice = next((each.name for each in places[: len(positional)] if each.name in named), None)
    if twice is not None:
        raise RequestError(
            f"--args {recipe.arguments!r} gives {twice} by position and by name to {name}{signature}; give it once"
        )


def _unknown(signature: inspect.Signature | None, named: dict[str, object]) -> list[str]:
    """Names given that the signature does not have."""
    parameters = signature.parameters if signature is not None else {}
    if signature is None or any(each.kind == each.VAR_KEYWORD for each in parameters.values()):
        return []
    return [key for key in named if key not in parameters or parameters[key].kind == inspect.Parameter.POSITIONAL_ONLY]


def _construct(
    factory: Factory, positional: list[object], named: dict[str, object], name: str, target: Target
) -> nn.Module:
    call = f"{name}({as_typed(positional, named)})"
    try:
        made = factory(*positional, **named)
    except (KeyboardInterrupt, RequestError):
        raise
    except SystemExit as leaving:
        raise ModelEndedError(f"{call} in {target.location} ended the process: sys.exit({leaving.code!r})") from None
    except URLError as problem:
        raise _NotDownloadedError(
            f"{call} in {target.location} downloads weights, and that fails: {problem.reason}; {_without(factory)}"
        ) from problem
    except BaseException as problem:
        raise RequestError(
            f"{call} in {target.location} fails to construct: {type(problem).__name__}: {first_line(problem)}"
            f"{_user_line(problem)}; mend the constructor, or give other arguments with --args"
        ) from problem
    if not isinstance(made, nn.Module):
        raise RequestError(
            f"{call} in {target.location} returned a {type(made).__name__}, not a torch.nn.Module; "
            "name a class or a function that returns one model"
        )
    if not hasattr(made, "_modules"):
        raise RequestError(f"{call} never called super().__init__(); add it as the first line of its __init__")
    return made


def _without(factory: Factory) -> str:
    """How to construct it without weights, if its signature says which arguments ask for them."""
    asking = as_typed([], _asking_for_weights(factory))
    return f"leave them out with --args {asking!r}" if asking else "go online, or give it with --args"


def _asking_for_weights(factory: Factory) -> dict[str, object]:
    """The arguments that ask for weights by default, each with the value that does not."""
    signature = _signature(factory)
    return {
        name: False if parameter.default is True else None
        for name, parameter in (signature.parameters.items() if signature else ())
        if name.startswith(("weights", "pretrained")) and parameter.default not in (None, False, parameter.empty)
    }


def _user_line(problem: BaseException) -> str:
    from inspector.engine.pytorch.source_lines import user_source

    source = user_source(problem.__traceback__)
    return f" ({source.file}:{source.line}: {source.text})" if source else ""
