"""Recurrent layers and attention: features, states, masks, and which axis is the batch."""

import ast
import inspect
from typing import Any

import torch
from torch import nn

from inspector.core.table import Fix
from inspector.core.wording import shape
from inspector.engine.pytorch.explaining.constructing import finished
from inspector.engine.pytorch.explaining.makings import calls_with
from inspector.engine.pytorch.explaining.registry import Explained, explains
from inspector.engine.pytorch.explaining.scene import Scene
from inspector.engine.pytorch.explaining.settings import feature_fixes
from inspector.engine.pytorch.source_edits import Edit
from inspector.engine.pytorch.user_source import text_of


@explains(nn.RNNBase)
def features_of_a_recurrent_layer(scene: Scene) -> Explained | None:
    """Another number of features, or of axes, than the layer takes."""
    module = scene.layer
    given = _argument(scene, 0, "input")
    if isinstance(given, nn.utils.rnn.PackedSequence):
        given = given.data
    if not isinstance(module, nn.RNNBase) or not isinstance(given, torch.Tensor):
        return None
    order = "batch, positions, features" if module.batch_first else "positions, batch, features"
    if given.ndim not in (2, 3):
        why = f"the layer takes 3 axes ({order}), {scene.with_shape(given)} has {given.ndim}"
        fixes: list[Fix] = []
        if given.ndim == 4 and given.shape[1] * given.shape[2] == module.input_size:
            fixes.append(
                scene.wrapped(
                    given,
                    "{}.flatten(1, 2).transpose(1, 2)",
                    "put channels and rows together, columns are the positions",
                )
            )
        elif given.ndim == 4 and given.shape[2] * given.shape[3] == module.input_size:
            fixes.append(scene.wrapped(given, "{}.flatten(2)", "put the last two axes together"))
        elif given.ndim == 4 and given.shape[1] == module.input_size:
            fixes.append(
                scene.wrapped(given, "{}.flatten(2).transpose(1, 2)", "take the positions of the map as a sequence")
            )
        elif given.ndim == 4 and given.shape[1] == 1:
            fixes.append(scene.wrapped(given, "{}.squeeze(1)", "take away the axis of one channel"))
        elif given.ndim == 1:
            fixes.append(scene.wrapped(given, "{}[None, :, None]", "add the axes of batch and features"))
        return Explained(why, fixes)
    if given.shape[-1] == module.input_size:
        return None
    why = (
        f"the layer takes input_size={module.input_size} features on the last axis, "
        f"{scene.with_shape(given)} has {given.shape[-1]}"
    )
    fixes = []
    if given.ndim == 3 and given.shape[1] == module.input_size:
        fixes.append(
            scene.wrapped(given, "{}.transpose(1, 2)", f"axis 1 has {module.input_size}: swap it with the last")
        )
    fixes += _other_axes_together(scene, given, module.input_size)
    if given.ndim == 2 and module.input_size == 1:
        fixes.append(scene.wrapped(given, "{}.unsqueeze(-1)", "the axis of features is missing: add it"))
    fixes += feature_fixes(scene, given, given.shape[-1], module.input_size, "input_size", None)
    return Explained(why, fixes)


def _other_axes_together(scene: Scene, given: torch.Tensor, wanted: int) -> list[Fix]:
    """A map of which two axes were put together, where two others have as many features as are taken."""
    maker = scene.flow.maker(given)
    before = maker.input_shapes[0] if maker is not None and maker.is_function and maker.input_shapes else []
    if len(before) != 4 or list(given.shape) != [before[0], before[1], before[2] * before[3]]:
        return []
    _, first, second, third = before
    if first * third == wanted:
        form, positions = f"{{}}.unflatten(2, (-1, {third})).transpose(1, 2).flatten(2)", second
    elif first * second == wanted:
        form, positions = f"{{}}.unflatten(2, ({second}, -1)).permute(0, 3, 1, 2).flatten(2)", third
    else:
        return []
    why = f"other axes of the map have {wanted} together: keep the one of {positions} as the positions"
    return [scene.wrapped(given, form, why)]


@explains(nn.RNNBase)
def states_of_a_recurrent_layer(scene: Scene) -> Explained | None:
    """First states of another shape than the layer makes them."""
    module, given, states = scene.layer, _argument(scene, 0, "input"), _argument(scene, 1, "hx")
    if not isinstance(module, nn.RNNBase) or not isinstance(given, torch.Tensor) or states is None:
        return None
    if isinstance(module, nn.LSTM) and isinstance(states, torch.Tensor):
        node = scene.node_of(states)
        why = "an LSTM takes a pair of first states (h, c), one tensor is given"
        if node is None:
            return Explained(why)
        return Explained(
            why, [scene.wrapped(states, "({0}, torch.zeros_like({0}))", "begin with a cell state of zeros")]
        )
    if not isinstance(module, nn.LSTM) and isinstance(states, tuple):
        return Explained("only an LSTM takes a pair of states", [scene.wrapped(states, "{}[0]", "give the first one")])
    batch = given.shape[0 if module.batch_first else 1] if given.ndim == 3 else None
    layers = module.num_layers * (2 if module.bidirectional else 1)
    for name, state in zip("hc", states if isinstance(states, tuple) else (states,), strict=False):
        size = module.proj_size if name == "h" and module.proj_size else module.hidden_size
        wanted = [layers, batch, size] if batch is not None else [layers, size]
        got = list(state.shape)
        if got == wanted:
            continue
        why = (
            f"the first state {name} is {shape(got)} ({scene.text(state, 'given')}), the layer takes "
            f"{shape([one or 0 for one in wanted])} (layers, batch, features)"
        )
        fixes: list[Fix] = []
        if len(got) == 3 and [got[1], got[0], got[2]] == wanted:
            fixes.append(scene.wrapped(state, "{}.transpose(0, 1).contiguous()", "swap layers and batch"))
        if (
            batch is not None
            and len(got) == 3
            and got[1] == given.shape[1 if module.batch_first else 0]
            and got[1] != batch
        ):
            fixes.append(
                scene.changed_at(scene.path, {"batch_first": not module.batch_first}, "the batch is the other axis: ")
            )
        if len(got) == len(wanted) and got[:-1] == wanted[:-1]:
            fixes.append(scene.changed(hidden_size=got[-1]))
        elif len(got) == len(wanted) and got[1:] == wanted[1:] and not got[0] % (layers // module.num_layers):
            fixes.append(scene.changed(num_layers=got[0] // (layers // module.num_layers)))
        if len(got) == 2 and got == wanted[1:]:
            fixes.append(scene.wrapped(state, "{}.unsqueeze(0)", "add the axis of layers"))
        text = "leave the states out: they are zeros then"
        node = scene.node_of(states)
        if node is not None and (fix := scene.replaced(text, (node, "None"))):
            fixes.append(fix)
        return Explained(why, fixes)
    return None


@explains(nn.RNNCellBase)
def sizes_of_a_cell(scene: Scene) -> Explained | None:
    """Another number of features or of hidden units than the cell takes."""
    module, given, state = scene.layer, _argument(scene, 0, "input"), _argument(scene, 1, "hx")
    if not isinstance(module, nn.RNNCellBase) or not isinstance(given, torch.Tensor):
        return None
    if given.ndim not in (1, 2):
        why = f"the cell takes one position (batch, features), {scene.with_shape(given)} has {given.ndim} axes"
        return Explained(why)
    if given.shape[-1] != module.input_size:
        why = f"the cell takes input_size={module.input_size} features, {scene.with_shape(given)} has {given.shape[-1]}"
        return Explained(why, feature_fixes(scene, given, given.shape[-1], module.input_size, "input_size", None))
    first = state[0] if isinstance(state, tuple) else state
    if isinstance(first, torch.Tensor) and first.shape[-1] != module.hidden_size:
        why = (
            f"the cell has hidden_size={module.hidden_size}, the state {scene.with_shape(first)} has {first.shape[-1]}"
        )
        return Explained(why, [scene.changed(hidden_size=first.shape[-1])])
    if isinstance(module, nn.LSTMCell) and isinstance(state, torch.Tensor):
        return Explained(
            "an LSTM cell takes a pair of states (h, c), one tensor is given",
            [scene.wrapped(state, "({0}, torch.zeros_like({0}))", "begin with a cell state of zeros")],
        )
    return None


@explains(nn.MultiheadAttention)
def features_of_attention(scene: Scene) -> Explained | None:
    """Queries, keys or values of another size than the layer was made for."""
    module = scene.layer
    if not isinstance(module, nn.MultiheadAttention):
        return None
    query, key, value = (_argument(scene, place, name) for place, name in enumerate(("query", "key", "value")))
    if not all(isinstance(one, torch.Tensor) for one in (query, key, value)):
        return None
    for name, tensor, setting in (("queries", query, "embed_dim"), ("keys", key, "kdim"), ("values", value, "vdim")):
        wanted, got = getattr(module, setting), tensor.shape[-1]
        if got == wanted:
            continue
        why = f"the {name} take {wanted} features ({setting}), {scene.with_shape(tensor)} has {got}"
        fixes: list[Fix] = []
        if tensor.ndim == 3 and wanted == tensor.shape[1]:
            fixes.append(scene.wrapped(tensor, "{}.transpose(1, 2)", f"axis 1 has {wanted}: swap it with the last"))
        elif tensor.ndim == 4 and wanted == tensor.shape[1]:
            fixes.append(
                scene.wrapped(tensor, "{}.flatten(2).transpose(1, 2)", "take the positions of the map as a sequence")
            )
        fixes += _model_sizes(scene, got, wanted)
        if setting == "embed_dim" and type(module) is nn.MultiheadAttention and not fixes:
            heads: dict[str, object] = {} if got % module.num_heads == 0 else {"num_heads": 1}
            fixes.append(scene.changed_at(scene.path, {"embed_dim": got, **heads}))
        elif setting != "embed_dim":
            sizes: dict[str, object] = {"kdim": key.shape[-1], "vdim": value.shape[-1]}
            fixes.append(
                scene.changed_at(scene.path, {one: size for one, size in sizes.items() if getattr(module, one) != size})
            )
        fixes += feature_fixes(scene, tensor, got, wanted, "", None)
        return Explained(why, fixes)
    return _lengths_of_attention(scene, module, query, key, value)


def _lengths_of_attention(
    scene: Scene, module: nn.MultiheadAttention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> Explained | None:
    batch = 0 if module.batch_first else 1
    order = "batch, positions, features" if module.batch_first else "positions, batch, features"
    if query.ndim == 3 and key.ndim == 3 and query.shape[batch] != key.shape[batch]:
        why = (
            f"axis {batch} is the batch (batch_first={module.batch_first}: {order}), where {scene.with_shape(query)} "
            f"and {scene.with_shape(key)} differ"
        )
        fixes = []
        if query.shape[1 - batch] == key.shape[1 - batch]:
            fixes.append(
                scene.changed_at(scene.path, {"batch_first": not module.batch_first}, "the batch is the other axis: ")
            )
        return Explained(why, fixes)
    if key.shape[:-1] != value.shape[:-1]:
        why = f"keys and values come in pairs, {scene.with_shape(key)} and {scene.with_shape(value)} differ in number"
        node = scene.node_of(value)
        other = scene.node_of(key)
        fixes = []
        if node is not None and other is not None and value.shape[-1] == key.shape[-1]:
            fix = scene.replaced("take the values from where the keys come from", (node, text_of(scene.file, other)))
            fixes = [fix] if fix is not None else []
        return Explained(why, fixes)
    return _masks_of_attention(scene, module, query, key)


def _masks_of_attention(
    scene: Scene, module: nn.MultiheadAttention, query: torch.Tensor, key: torch.Tensor
) -> Explained | None:
    batched = query.ndim == 3
    batch = query.shape[0 if module.batch_first else 1] if batched else 1
    length, others = (
        query.shape[1 if module.batch_first and batched else 0],
        key.shape[1 if module.batch_first and batched else 0],
    )
    padding = _argument(scene, 3, "key_padding_mask")
    if isinstance(padding, torch.Tensor):
        wanted = [batch, others] if batched else [others]
        if list(padding.shape) != wanted:
            why = f"key_padding_mask is {shape(list(padding.shape))}, the layer takes {shape(wanted)} (batch, keys)"
            fixes = []
            if list(padding.shape) == wanted[::-1]:
                fixes.append(scene.wrapped(padding, "{}.t()", "transpose the mask"))
                fixes.append(
                    scene.changed_at(
                        scene.path, {"batch_first": not module.batch_first}, "or the batch is the other axis: "
                    )
                )
            elif batched and query.shape[1 if module.batch_first else 0] == padding.shape[0]:
                fixes.append(
                    scene.changed_at(
                        scene.path, {"batch_first": not module.batch_first}, "the batch is the other axis: "
                    )
                )
            elif padding.ndim > 2 and padding.numel() == batch * others:
                fixes.append(scene.wrapped(padding, f"{{}}.reshape({batch}, {others})", "take away its axes of size 1"))
            return Explained(why, fixes)
    mask = _argument(scene, 5, "attn_mask")
    if isinstance(mask, torch.Tensor):
        wanted = [length, others]
        each_head = [batch * module.num_heads, length, others]
        if list(mask.shape) not in (wanted, each_head):
            why = (
                f"attn_mask is {shape(list(mask.shape))}, the layer takes {shape(wanted)} or {shape(each_head)} "
                "(queries, keys)"
            )
            fixes = []
            if list(mask.shape) == wanted[::-1]:
                fixes.append(scene.wrapped(mask, "{}.t()", "transpose the mask"))
            elif mask.ndim > 2 and list(mask.shape[-2:]) == wanted and mask.numel() == length * others:
                fixes.append(scene.wrapped(mask, f"{{}}.reshape({length}, {others})", "take away its axes of size 1"))
            elif list(mask.shape) == [batch, length, others]:
                fixes.append(
                    scene.wrapped(mask, f"{{}}.repeat_interleave({module.num_heads}, 0)", "repeat it for every head")
                )
            elif mask.ndim == 2 and list(mask.shape) == [batch, batch]:
                fixes.append(
                    scene.changed_at(
                        scene.path, {"batch_first": not module.batch_first}, "the batch is the other axis: "
                    )
                )
            elif mask.ndim == 2 and mask.shape[0] >= length and mask.shape[1] >= others:
                fixes.append(scene.wrapped(mask, f"{{}}[:{length}, :{others}]", "take the part for these positions"))
            return Explained(why, fixes)
    return None


def _model_sizes(scene: Scene, got: int, wanted: int) -> list[Fix]:
    """The ``d_model`` of a transformer of torch's, inside of which the attention stands."""
    found = calls_with(scene.model, scene.path, "d_model")
    if found is None:
        return []
    file, node, call, cls = found
    heads = next((keyword.value for keyword in call.keywords if keyword.arg == "nhead"), None)
    if heads is None and len(call.args) > 1:
        heads = call.args[1]
    number = heads.value if isinstance(heads, ast.Constant) else None
    edits = [Edit(file, node, str(got))]
    if isinstance(number, int) and got % number and heads is not None:
        edits.append(Edit(file, heads, str(max(one for one in range(1, number + 1) if got % one == 0))))
    return [finished(f"make the {cls} with d_model={got} instead of {wanted}", edits)]


@explains("scaled_dot_product_attention", signature="query key value attn_mask")
def sizes_of_dot_products(scene: Scene) -> Explained | None:
    """Queries, keys, values and mask that do not fit together."""
    query, key, value, mask = (scene.argument(name) for name in ("query", "key", "value", "attn_mask"))
    if query.shape[-1] != key.shape[-1]:
        why = (
            f"queries and keys have the same features: {scene.with_shape(query)} has {query.shape[-1]}, "
            f"{scene.with_shape(key)} {key.shape[-1]}"
        )
        fixes = (
            [scene.wrapped(key, "{}.transpose(-2, -1)", "swap the last two axes of the keys")]
            if key.shape[-2] == query.shape[-1]
            else []
        )
        return Explained(why, fixes + feature_fixes(scene, key, key.shape[-1], query.shape[-1], "", None))
    if key.shape[-2] != value.shape[-2]:
        return Explained(
            f"keys and values come in pairs: {scene.with_shape(key)} has {key.shape[-2]}, "
            f"{scene.with_shape(value)} {value.shape[-2]}"
        )
    if isinstance(mask, torch.Tensor):
        wanted = (*query.shape[:-1], key.shape[-2])
        try:
            fits = torch.broadcast_shapes(mask.shape, wanted) == torch.Size(wanted)
        except RuntimeError:
            fits = False
        if not fits:
            why = (
                f"the mask {scene.with_shape(mask)} does not broadcast to {shape(list(wanted))} (batch, heads, "
                "queries, keys)"
            )
            fixes = []
            if list(mask.shape) == [query.shape[0], key.shape[-2]]:
                fixes.append(scene.wrapped(mask, "{}[:, None, None, :]", "add the axes of heads and queries"))
            elif mask.ndim == 3 and query.ndim == 4:
                fixes.append(scene.wrapped(mask, "{}.unsqueeze(1)", "add the axis of heads"))
            elif mask.shape[-1] >= wanted[-1] and mask.shape[-2] >= wanted[-2]:
                fixes.append(
                    scene.wrapped(mask, f"{{}}[..., :{wanted[-2]}, :{wanted[-1]}]", "take the part for these positions")
                )
            return Explained(why, fixes)
    for name, other in (("keys", key), ("values", value)):
        pairs = list(zip(query.shape[:-2], other.shape[:-2], strict=False))
        if len(query.shape) == len(other.shape) and any(one != two and 1 not in (one, two) for one, two in pairs):
            why = (
                f"batch and heads of the queries {scene.with_shape(query)} and the {name} "
                f"{scene.with_shape(other)} differ"
            )
            repeats = (
                query.shape[1] // other.shape[1] if query.ndim == 4 and query.shape[1] % other.shape[1] == 0 else 0
            )
            fixes = [
                scene.wrapped(one, f"{{}}.repeat_interleave({repeats}, 1)", "repeat the heads")
                for one in (other,)
                if repeats > 1
            ]
            return Explained(why, fixes)
    return None


def _argument(scene: Scene, place: int, name: str) -> Any:
    """An argument of the failed layer's forward."""
    args, kwargs = scene.given
    if name in kwargs:
        return kwargs[name]
    if scene.layer is None:
        return None
    names = list(inspect.signature(type(scene.layer).forward).parameters)[1:]
    if name in names:
        place = names.index(name)
    return args[place] if place < len(args) else None
