"""The functions with which a script of edits initialises tensors, as text; they use `model` and `module_at`."""

LAYER_DEFAULT = '''
def reset_copy(layer, seed):
    """A copy of a layer, reset; float32 on the CPU, NaN where its reset leaves a tensor out. Also what is copied."""
    copies = {}
    method = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if method is None:
        return copies
    for module in layer.modules():
        copies.update({id(v): v.detach().clone() for v in vars(module).values() if isinstance(v, torch.Tensor)})
    fresh = copy.deepcopy(layer, copies).cpu()

    def blank(value):
        wide = torch.float64 if value.dtype == torch.float64 else torch.float32
        return torch.full(value.shape, torch.nan, dtype=wide)

    for module in list(fresh.modules()):
        if parametrize.is_parametrized(module):
            # Not with remove_parametrizations: it takes the property off the class, which the original shares.
            parametrizations = module._modules.pop("parametrizations")
            module.__class__ = type(module).__bases__[0]
            for name, steps in parametrizations.named_children():
                with torch.no_grad():
                    module.register_parameter(name, nn.Parameter(steps.eval()()))
    blanks = {}
    for module in fresh.modules():
        for name, value in module._parameters.items():
            if value is not None and value.is_floating_point():
                module._parameters[name] = blanks.setdefault(id(value), nn.Parameter(blank(value)))
        for name, value in list(vars(module).items()):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                vars(module)[name] = blank(value)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        random.seed(seed)
        if isinstance(fresh, nn.MultiheadAttention):
            fresh.out_proj.reset_parameters()
        getattr(fresh, method.__name__)()
    return copies
'''

INITIALISE = '''
def select(where, buffers):
    """Key, layer and name of the tensors at a key, a pattern over keys, module:PATH or type:NAME."""
    layers = list(model.named_modules(remove_duplicate=False))
    every = [
        ((path + "." if path else "") + name, layer, name)
        for path, layer in layers
        for registry in (layer._parameters, layer._buffers)
        for name, value in registry.items()
        if value is not None
    ]
    head, _, rest = where.partition(":")
    if head in ("module", "type"):
        # The class of a parametrized layer is made on the fly; the layer's own is its base.
        types = {p: (type(m).__bases__[0] if parametrize.is_parametrized(m) else type(m)).__name__ for p, m in layers}
        paths = [rest] if head == "module" else [path for path in types if types[path] == rest]
        found = [one for one in every if any(not p or one[0] == p or one[0].startswith(p + ".") for p in paths)]
    else:
        pattern = re.sub(r"\\\\([*?])", lambda m: {"*": ".*", "?": "."}[m[1]], re.escape(where))
        found = [one for one in every if one[0] == where]
        found = found or [one for one in every if re.fullmatch(pattern, one[0], re.DOTALL)]
    parameters = [one for one in found if one[2] in one[1]._parameters]
    return found if buffers or not parameters else parameters


def initialise(where, seed, fill=None, fills_any_dtype=False, effective=None, gain=1.0, frozen=False, scales=None):
    """Draw the selected tensors apart, then copy; without `fill`, the layers' own defaults."""
    seen, resets = set(), {}
    selected = select(where, buffers=fill is None)
    frozen = frozen or any(key == where for key, _, _ in selected)
    for position, (key, holder, name) in enumerate(selected):
        path, parameter = key.removesuffix(name).removesuffix("."), holder._parameters.get(name)
        found = destination(path, holder, name)
        if found is None:
            continue
        mark, path, name, like, put = found
        if mark in seen:
            continue
        seen.add(mark)
        differentiable = parameter is not None and (parameter.is_floating_point() or parameter.is_complex())
        if differentiable and not (parameter.requires_grad or frozen):
            continue
        here = (seed + position * 1_000_003) % 2**64
        layer = module_at(path)
        if scales is not None and key not in scales:
            continue
        if fill:
            parts, factor = scaling(layer, name, like.shape, effective, gain)
            drawn = draw(like, here, fill, fills_any_dtype, parts, factor, as_torch=effective is None)
        else:
            drawn = default(path, layer, name, here, resets)
        if scales is not None and drawn is not None:
            drawn.mul_(scales[key])
        if drawn is None or drawn.shape != like.shape:
            continue
        embedding = isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) and name == "weight"
        if fill and embedding and layer.padding_idx is not None:
            drawn[layer.padding_idx] = 0
        with torch.no_grad():
            put(drawn)


def destination(path, holder, name):
    """What stands for the tensor, path and name of the weight it makes up, a tensor like it, and how to write it."""
    tensor = holder._parameters.get(name, holder._buffers.get(name))
    if is_lazy(tensor) or tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided:
        return None
    if any(size > 1 and step == 0 for size, step in zip(tensor.shape, tensor.stride())):
        return None
    if isinstance(holder, parametrize.ParametrizationList):
        if not all(hasattr(step, "right_inverse") for step in holder):
            return None
        above, _, weight = f".{path}".rpartition(".parametrizations.")
        with torch.no_grad():
            like = copy.deepcopy(holder).eval()()
        return id(holder), above[1:], weight, like, lambda drawn: put_parametrized(holder, drawn.to(like))
    mark = (tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
    for hook in holder._forward_pre_hooks.values():
        weight = getattr(hook, "_tensor_name", None) or getattr(hook, "name", None)
        if isinstance(hook, WeightNorm) and name in (f"{weight}_g", f"{weight}_v"):
            like = getattr(holder, f"{weight}_v")
            return (id(holder), weight), path, weight, like, lambda drawn: put_weight_norm(holder, hook, drawn)
        if isinstance(hook, SpectralNorm) and name == f"{weight}_orig":
            return mark, path, weight, tensor, lambda drawn: put_spectral_norm(holder, hook, drawn)
        if isinstance(hook, BasePruningMethod) and name == f"{weight}_orig":
            return mark, path, weight, tensor, tensor.copy_
    return mark, path, name, tensor, tensor.copy_


def scaling(layer, name, shape, effective, gain):
    """Into how many parts to cut a weight, each filled by itself, and what to multiply it by, where fans are counted
    as the layer sums: `effective` is the fan of the rule, "both", or "parts"."""
    convolution = isinstance(layer, nn.modules.conv._ConvNd) and name == "weight"
    transposed, groups = convolution and layer.transposed, layer.groups if convolution else 1
    blocks = 3 if isinstance(layer, nn.MultiheadAttention) and name == "in_proj_weight" else 1
    if name.startswith(("weight_ih", "weight_hh")):
        blocks = 4 if isinstance(layer, (nn.LSTM, nn.LSTMCell)) else blocks
        blocks = 3 if isinstance(layer, (nn.GRU, nn.GRUCell)) else blocks
    if effective == "parts":
        return groups * blocks, 1.0
    if effective is None or len(shape) < 2 or isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        return 1, gain
    kernel = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
    if transposed:
        used_in, used_out = fan_out / groups / math.prod(layer.stride), float(fan_in)
    else:
        used_in, used_out = float(fan_in), fan_out / groups / blocks
    if effective == "both":
        counted, used = fan_in + fan_out, used_in + used_out
    else:
        counted, used = (fan_out, used_out) if effective == "fan_out" else (fan_in, used_in)
    return 1, gain * math.sqrt(counted / used) if used else gain


def draw(like, seed, fill, fills_any_dtype, parts, factor, as_torch):
    """New values from `fill`, drawn on a tensor as it is where torch does that; None where it does not suit it."""
    if 0 in like.shape or not (like.is_floating_point() or fills_any_dtype):
        return None
    wide = torch.float64 if like.dtype in (torch.float64, torch.complex128) else torch.float32
    empty = [torch.empty(like.shape, dtype=wide)]
    if as_torch and like.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        device = like.device if like.is_cuda else "cpu"
        empty.insert(0, torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=device))
    for drawn in empty:
        cuda = [drawn.get_device()] if drawn.is_cuda else []
        with torch.random.fork_rng(devices=cuda), torch.no_grad():
            torch.default_generator.manual_seed(seed)
            for index in cuda:
                torch.cuda.default_generators[index].manual_seed(seed)
            try:
                for part in drawn.chunk(parts) if drawn.dim() else [drawn]:
                    fill(part)
            except (ValueError, RuntimeError):
                continue
        if factor != 1:
            drawn.mul_(factor)
        stored = drawn.to(like.dtype)
        if like.is_floating_point():
            suits = stored.to(drawn.dtype).isfinite().all()
        else:
            suits = like.is_complex() or (stored == drawn).all()
        if suits:
            return drawn
    return None


def default(path, layer, name, seed, resets):
    """What the layer's own reset gives the tensor; None where it gives nothing."""
    above = module_at(path.rpartition(".")[0])
    root = above if path and isinstance(above, nn.MultiheadAttention) else layer
    if id(root) not in resets:
        resets[id(root)] = reset_copy(root, seed)
    fresh = resets[id(root)].get(id(layer))
    drawn = None if fresh is None else fresh._parameters.get(name)
    if fresh is not None and drawn is None:
        drawn = fresh._buffers.get(name, vars(fresh).get(name))
    return None if drawn is None or (drawn.is_floating_point() and drawn.isnan().any()) else drawn.detach()


def put_parametrized(steps, drawn):
    """Write to a parametrization's originals what gives the values drawn; a spectral norm's vectors follow."""
    values = drawn
    for step in reversed(list(steps)):
        values = step.right_inverse(values)
    for at, value in enumerate([values] if steps.is_tensor else values):
        getattr(steps, "original" if steps.is_tensor else f"original{at}").copy_(value)
    modes = [(module, module.training) for module in steps.modules()]
    if any(buffer.numel() for step in steps for buffer in step.buffers()):
        steps.train()
        for _ in range(15):
            steps()
    for module, training in modes:
        module.training = training


def put_weight_norm(layer, hook, drawn):
    """Write direction and magnitude of the older weight_norm."""
    direction = getattr(layer, hook.name + "_v")
    direction.copy_(drawn)
    getattr(layer, hook.name + "_g").copy_(torch.norm_except_dim(direction, 2, hook.dim))


def put_spectral_norm(layer, hook, drawn):
    """Write the weight of the older spectral_norm, and let its vectors follow."""
    getattr(layer, hook.name + "_orig").copy_(drawn)
    for _ in range(15):
        hook.compute_weight(layer, do_power_iteration=True)
'''
