"""The functions that a script of edits brings along, as text; each stands for itself and uses the script's `model`."""

OPEN_FILE = '''
def open_file(location):
    """Import a file; inside a package, by its dotted name."""
    path = Path(location).resolve()
    folder, names = path.parent, [path.stem]
    while (folder / "__init__.py").is_file():
        folder, names = folder.parent, [folder.name, *names]
    sys.path.insert(0, str(folder))
    if len(names) > 1:
        return importlib.import_module(".".join(names))
    name = f"_opened_{path.stem}" if path.stem in sys.stdlib_module_names else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
'''

ONLY_MODEL = '''
def only_model(source, *positional, **named):
    """The one instance in the file, else the one class that takes these arguments and no other class there uses."""
    instances = list({id(value): value for value in vars(source).values() if isinstance(value, nn.Module)}.values())
    classes = {
        name: value
        for name, value in vars(source).items()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == source.__name__
    }
    words = {name: set(re.findall(r"\\w+", inspect.getsource(value))) for name, value in classes.items()}
    unused = [n for n in classes if not any(n in words[other] for other in classes if other != n)] or list(classes)
    found = instances or [classes[name] for name in unused]
    if len(found) > 1:
        found = [one for one in found if fits(one, positional, named)]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} models in {source.__file__}: set `meant` to the one to open")
    return found[0]


def fits(cls, positional, named):
    try:
        inspect.signature(cls).bind(*positional, **named)
    except TypeError:
        return False
    return True
'''

LOAD_WEIGHTS = '''
def load_weights(location):
    """Load the state_dict in a file, wherever it is nested; wrappers' prefixes may differ."""
    if location.endswith(".safetensors"):
        from safetensors.torch import load_file

        found = [load_file(location)]
    else:
        found = [torch.load(location, map_location="cpu", weights_only=True)]
    for state in found:
        found += [inner for inner in state.values() if isinstance(inner, dict)]

    def plain(key):
        return ".".join(part for part in key.split(".") if part not in ("module", "_orig_mod"))

    own = {plain(key): value for key, value in model.state_dict(keep_vars=True).items()}
    state = max(found, key=lambda one: sum(isinstance(key, str) and plain(key) in own for key in one))
    try:
        model.load_state_dict(state)
    except RuntimeError:
        with torch.no_grad():
            for key, value in state.items():
                there = own.get(plain(key))
                if there is not None and torch.is_tensor(value) and value.shape == there.shape:
                    there.copy_(value)
'''

LOAD_STATE = """
own = model.state_dict(keep_vars=True)


def fits(key, value):
    return key in own and (is_lazy(own[key]) or own[key].shape == value.shape)


model.load_state_dict({key: value for key, value in state.items() if fits(key, value)}, strict=False)
"""

MODULE_AT = '''
def module_at(path):
    """The module of this name; not by attribute, which a method of nn.Module may have: `half`, `double`."""
    return dict(model.named_modules(remove_duplicate=False))[path]
'''

SET_ELEMENT = '''
def set_element(key, index, text):
    """Set one element of the tensor at a key."""
    path, _, name = key.rpartition(".")
    layer = module_at(path)
    tensor = layer._parameters.get(name, layer._buffers.get(name))
    if tensor.dtype == torch.bool:
        value = text.lower() in ("true", "1")
    elif tensor.is_complex():
        value = complex(text.replace(" ", ""))
    else:
        value = float(text) if tensor.is_floating_point() else int(text)
    with torch.no_grad():
        tensor[index].copy_(torch.tensor(value, dtype=tensor.dtype))
'''

REQUIRES_GRAD = '''
def requires_grad(where, wanted):
    """Of the parameter at a key, or of all at or below a module."""
    named = dict(model.named_parameters(remove_duplicate=False))
    below = [value for key, value in named.items() if not where or key.startswith(where + ".")]
    for value in [named[where]] if where in named else below:
        if value.is_floating_point() or value.is_complex():
            value.requires_grad_(wanted)
'''

MATERIALISE = '''
def materialise(path, device, seed):
    """Give the tensors on meta at or below a module memory, and the values that their layers draw."""
    below = [*module_at(path).parameters(), *module_at(path).buffers()]
    made = {id(value): blank(value, device) for value in below if value.is_meta and not is_lazy(value)}
    kept = [(value, value.detach().clone()) for value in below if not value.is_meta]
    for module in model.modules():
        for registry in (module._parameters, module._buffers):
            for name, value in registry.items():
                registry[name] = made.get(id(value), value)
    initialise("module:" + path, seed, frozen=True)
    with torch.no_grad():
        for value, former in kept:
            value.copy_(former)


def blank(value, device):
    filled = torch.empty_like(value, device=device, requires_grad=False)
    filled.fill_(torch.nan if filled.is_floating_point() or filled.is_complex() else 0)
    return nn.Parameter(filled, requires_grad=value.requires_grad) if isinstance(value, nn.Parameter) else filled
'''

TIE = '''
def tie(key, kept):
    """Register the second parameter wherever the first one is."""
    named = dict(model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is named[key]:
                module._parameters[name] = named[kept]
'''
