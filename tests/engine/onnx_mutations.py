"""Broken ONNX files, the same for the same seed: bytes of good ones changed and cut, or their parts exchanged."""

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import helper
from onnx.backend.test.case.node import collect_testcases
from onnx_graphs import BOOL, INT64, array, mlp, model_of, normal, value

CASES = [
    "test_conv_with_strides_padding", "test_maxpool_2d_ceil", "test_resize_upsample_scales_linear", "test_loop11",
    "test_if", "test_scan9_sum", "test_qlinearconv", "test_quantizelinear_int4", "test_cast_FLOAT_to_BFLOAT16",
    "test_sequence_map_add_2_sequences", "test_optional_get_element_tensor", "test_string_concat", "test_attention_4d",
    "test_constant", "test_reshape_negative_dim", "test_layer_normalization_2d_axis0", "test_einsum_transpose",
]  # fmt: skip


def seeds(folder: Path) -> dict[str, bytes]:
    """Good files by name; data beside one of them lies in `folder`."""
    cases = {case.name: case.model for case in collect_testcases(None) if case.model is not None}
    models = {name: cases[name] for name in CASES if name in cases}
    models |= {
        "mlp": mlp(),
        "convolutions": convolutions(),
        "loop": loop(),
        "quantised": quantised(),
        "function": calls(),
    }
    files = {name: model.SerializeToString() for name, model in models.items()}
    path = folder / "external.onnx"
    onnx.save(convolutions(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return {**files, "external": path.read_bytes()}


def mutated(content: bytes, seed: int) -> bytes:
    """The file with one to five changes, of its bytes for even seeds and of its parts for odd ones."""
    chance = random.Random(seed)
    if seed % 2:
        return rearranged(content, chance)
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        if changed:
            chance.choice(_CHANGES)(changed, chance)
    return bytes(changed)


def _flip(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _byte(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _drop(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    del content[at : at + chance.choice((1, 2, 8, 40))]


def _insert(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = chance.choice((b"\xff" * 9 + b"\x01", b"\0" * 4, struct.pack("<q", -1), chance.randbytes(3)))


def _repeat(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = content[at : at + chance.choice((2, 10, 100))]


def _move(content: bytearray, chance: random.Random) -> None:
    first, second = chance.randrange(len(content)), chance.randrange(len(content))
    size = chance.choice((1, 4, 16))
    content[first : first + size] = content[second : second + size]


_CHANGES = [_flip, _flip, _byte, _byte, _cut, _drop, _insert, _repeat, _move]


def rearranged(content: bytes, chance: random.Random) -> bytes:
    """A file that can be read, with one to three of its parts taken away, repeated or changed."""
    model = onnx.ModelProto.FromString(content)
    for _ in range(chance.choice((1, 1, 2, 3))):
        part = chance.choice(list(_parts(model)))
        filled = part.ListFields()
        if filled:
            _change(part, *chance.choice(filled), chance)
    return model.SerializeToString()


def _parts(message: Message) -> Iterator[Message]:
    yield message
    for field, held in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in held if field.is_repeated else [held]:
                yield from _parts(inner)


def _change(part: Message, field: FieldDescriptor, value: Any, chance: random.Random) -> None:
    if not field.is_repeated:
        if chance.random() < 0.2:
            part.ClearField(field.name)
        elif field.type != field.TYPE_MESSAGE:
            setattr(part, field.name, _other(field, value, chance))
        return
    at = chance.randrange(len(value))
    action = chance.choice(("drop", "repeat", "exchange", "change"))
    if action == "drop":
        del value[at]
    elif action == "repeat":
        value.extend([value[at]])
    elif action == "exchange" or field.type == field.TYPE_MESSAGE:
        kept = list(value)
        other = chance.randrange(len(kept))
        kept[at], kept[other] = kept[other], kept[at]
        # Copies, since the originals go with the list.
        copies = [type(one).FromString(one.SerializeToString()) if isinstance(one, Message) else one for one in kept]
        del value[:]
        value.extend(copies)
    else:
        value[at] = _other(field, value[at], chance)


def _other(field: FieldDescriptor, value: Any, chance: random.Random) -> Any:
    if field.type == field.TYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    if isinstance(value, str):
        return chance.choice(("", "x", "y", "h", "a", value + "_", "Relu", "Loop", "Reshape", "/", "../w", "ü\n[b]"))
    if isinstance(value, bytes):
        return value[: chance.randrange(len(value) + 1)] if value else b"SAME_UPPER"
    if isinstance(value, float):
        return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e30))
    limit = 2**31 - 1 if field.type == field.TYPE_INT32 else 2**63 - 1
    low = 0 if field.type == field.TYPE_UINT64 else -1
    return chance.choice((0, 1, 2, 3, low, 7, 16, 1000, 2**20, 2**30, limit, value + 1))


def convolutions() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "conv1.weight", "conv1.bias"], ["a"], name="/conv1/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="/relu/Relu"),
        helper.make_node("MaxPool", ["b"], ["c"], name="/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "conv2.weight"], ["d"], name="/conv2/Conv", strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], name="/mean/GlobalAveragePool"),
        helper.make_node("Reshape", ["e", "shape"], ["f"], name="/Reshape"),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["y"], name="/fc/Gemm", transB=1),
    ]
    weights = [
        normal("conv1.weight", 4, 3, 3, 3), normal("conv1.bias", 4), normal("conv2.weight", 8, 4, 3, 3),
        array("shape", [-1, 8]), normal("fc.weight", 5, 8), normal("fc.bias", 5),
    ]  # fmt: skip
    return model_of(nodes, [value("x", ["batch", 3, 16, 16])], ["y"], weights)


def loop() -> onnx.ModelProto:
    yes = helper.make_graph([helper.make_node("Neg", ["s"], ["t"])], "yes", [], [value("t", [2])])
    no = helper.make_graph([helper.make_node("Mul", ["s", "w"], ["u"])], "no", [], [value("u", [2])], [normal("w", 2)])
    body = helper.make_graph(
        [
            helper.make_node("If", ["go"], ["n"], name="choice", then_branch=yes, else_branch=no),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [value("i", [], INT64), value("go", [], BOOL), value("s", [2])],
        [value("on", [], BOOL), value("n", [2])],
    )
    nodes = [helper.make_node("Loop", ["trips", "", "x"], ["y"], name="repeat", body=body)]
    return model_of(nodes, [value("x", [2])], ["y"], [array("trips", numpy.int64(3))])


def quantised() -> onnx.ModelProto:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["wd"], axis=0),
        helper.make_node("Conv", ["xd", "wd"], ["y"], name="conv"),
    ]
    weights = [
        array("x_scale", numpy.float32(0.1)), array("x_zero", numpy.uint8(128)),
        array("w", numpy.ones((4, 3, 3, 3), numpy.int8)), array("w_scale", numpy.float32([1, 2, 3, 4])),
        array("w_zero", numpy.zeros(4, numpy.int8)),
    ]  # fmt: skip
    return model_of(nodes, [value("x", [1, 3, 8, 8])], ["y"], weights)


def calls() -> onnx.ModelProto:
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    nodes = [
        helper.make_node("Gemm", ["a", "w"], ["h"]),
        helper.make_node("Relu", ["h"], ["b"]),
    ]
    block = helper.make_function("local", "Block", ["a", "w"], ["b"], nodes, versions)
    called = [
        helper.make_node("Block", ["x", "w1"], ["h"], name="one", domain="local"),
        helper.make_node("Block", ["h", "w2"], ["y"], name="two", domain="local"),
    ]
    model = model_of(called, [value("x", [2, 3])], ["y"], [normal("w1", 3, 4), normal("w2", 4, 2)])
    model.opset_import.append(versions[1])
    model.functions.append(block)
    return model
