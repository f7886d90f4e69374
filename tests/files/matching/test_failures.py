"""Each failure of state_dicts in the wild: what is found, by which rule, and that the values come out right."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest
import torch
from known_models import Generator, entries, known, of_file
from torch import nn

from inspector.files.matching import LOSSLESS, LOSSY, Diagnosis, Entry, Transfer, diagnose
from inspector.files.matching.casts import loses

Arrays = Mapping[str, np.ndarray]


def made(transfer: Transfer, file: Arrays) -> np.ndarray:
    """The model's value, by numpy, as a reader of the transfers would make it."""
    values = [file[source] for source in transfer.sources]
    for step in transfer.changes:
        if step.op == "join":
            values = [np.concatenate(values, axis=step.axis)]
        elif step.op == "part":
            values = [np.take(values[0], range(step.start or 0, step.stop or 0), axis=step.axis)]
        elif step.op == "permute":
            values = [values[0].transpose(step.axes)]
        elif step.op == "reshape":
            values = [values[0].reshape(step.shape)]
        elif step.op == "weight_norm":
            g, v = values
            axes = tuple(axis for axis in range(v.ndim) if axis != step.axis)
            values = [g * v / np.sqrt((v**2).sum(axis=axes, keepdims=True))]
        else:
            raise AssertionError(step.op)
    (value,) = values
    return value


def described(arrays: Arrays) -> list[Entry]:
    return [Entry(key=key, shape=value.shape, dtype=str(value.dtype)) for key, value in arrays.items()]


def numbers(shape: Sequence[int], start: int = 0) -> np.ndarray:
    return np.arange(start, start + int(np.prod(shape)), dtype="float32").reshape(shape)


def rules(diagnosis: Diagnosis) -> list[tuple[str, str, str, int]]:
    return [(rule.kind, rule.from_, rule.to, rule.tensors) for rule in diagnosis.rules]


def renamed(model: Sequence[Entry], *changes: tuple[str, str]) -> list[Entry]:
    found = []
    for entry in of_file(model):
        key = entry.key
        for old, new in changes:
            key = key.replace(old, new)
        found.append(Entry(key=key, shape=entry.shape, dtype=entry.dtype, identity=entry.identity))
    return found


def test_data_parallel_is_one_rule() -> None:
    model = known("resnet18")
    file = [Entry(key=f"module.{e.key}", shape=e.shape, dtype=e.dtype) for e in model]
    diagnosis = diagnose(file, model)
    assert diagnosis.loads
    assert rules(diagnosis) == [("drop_wrapper", "module.", "", len(model))]
    back = diagnose(of_file(model), [Entry(key=e.key, shape=e.shape, dtype=e.dtype) for e in file])
    assert rules(back) == [("add_wrapper", "", "module.", len(model))]


@pytest.mark.parametrize("token", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
def test_a_wrapper_inside_is_dropped_where_it_stands(token: str) -> None:
    model = known("resnet18")
    diagnosis = diagnose(renamed(model, ("layer1.0.", f"layer1.0.{token}.")), model)
    assert diagnosis.loads
    assert rules(diagnosis) == [("drop_wrapper", f"layer1.0.{token}.", "layer1.0.", 12)]


def test_a_real_submodule_called_module_keeps_its_name() -> None:
    keys = ["net.mlp.norms.0.module.weight", "net.mlp.norms.1.module.weight", "net.module.weight", "net.weight"]
    model = [Entry(key=key, shape=(64, 3 + at), dtype="float32") for at, key in enumerate(keys)]
    file = [Entry(key=f"module.{e.key}", shape=e.shape, dtype="float32") for e in model]
    assert {t.target: t.sources for t in diagnose(file, model).transfers} == {k: [f"module.{k}"] for k in keys}


def test_a_framework_s_outer_attribute_is_a_prefix_and_the_rest_is_left_over() -> None:
    model = known("resnet18")
    file = [Entry(key=f"model.{e.key}", shape=e.shape, dtype=e.dtype) for e in model]
    diagnosis = diagnose([*file, Entry(key="loss.weight", shape=(1000,), dtype="float32")], model)
    assert rules(diagnosis) == [("prefix", "model.", "", len(model))]
    assert diagnosis.unexpected == ["loss.weight"]
    assert diagnosis.coverage == 1
    assert not diagnosis.loads


def test_several_prefixes_are_several_rules() -> None:
    trunk = [Entry(key=f"encoder.{e.key}", shape=e.shape, dtype="") for e in known("resnet18") if e.key[:2] != "fc"]
    model = [*trunk, Entry(key="head.weight", shape=(7, 512)), Entry(key="head.bias", shape=(7,))]
    file = [Entry(key=e.key.replace("encoder.", "backbone.").replace("head.", "fc."), shape=e.shape) for e in model]
    diagnosis = diagnose(file, model)
    assert diagnosis.loads
    assert {rule[:3] for rule in rules(diagnosis)} == {
        ("prefix", "backbone.", "encoder."),
        ("prefix", "fc.", "head."),
    }


def test_a_student_is_taken_before_its_teacher() -> None:
    model = known("resnet18")
    both = [Entry(key=f"{who}.{e.key}", shape=e.shape, dtype="") for who in ("teacher", "student") for e in model]
    diagnosis = diagnose(both, model)
    assert all(one.sources[0].startswith("student.") for one in diagnosis.transfers)
    assert diagnosis.ambiguous == []
    neither = [Entry(key=e.key.replace("teacher", "left"), shape=e.shape, dtype="") for e in both]
    assert {key for one in diagnose(neither, model).ambiguous for key in one.model} >= {"conv1.weight", "fc.bias"}


def test_a_class_head_of_another_size_is_proposed_for_initialising() -> None:
    with torch.device("meta"):
        file = of_file(entries(nn.Sequential(nn.Conv2d(3, 64, 3), nn.Flatten(), nn.Linear(4096, 1000))))
        model = entries(nn.Sequential(nn.Conv2d(1, 64, 3), nn.Flatten(), nn.Linear(4096, 10)))
    diagnosis = diagnose(file, model)
    assert {one.kind: one.keys for one in diagnosis.partial} == {
        "input channels": ["0.weight"],
        "class head": ["2.weight", "2.bias"],
    }
    assert [one.key for one in diagnosis.mismatched] == diagnosis.stays_random
    assert not diagnosis.refused


def test_positions_and_vocabulary_are_proposed_for_initialising() -> None:
    model = known("small_bert")
    other = {"embeddings.word_embeddings.weight": (120, 32), "embeddings.position_embeddings.weight": (64, 32)}
    file = [Entry(key=e.key, shape=other.get(e.key, e.shape), dtype="") for e in model if "decoder" not in e.key]
    kinds = {one.kind: one.keys for one in diagnose(file, model).partial}
    assert kinds == {
        "vocabulary": ["embeddings.word_embeddings.weight"],
        "position table": ["embeddings.position_embeddings.weight"],
    }


@pytest.mark.parametrize("inserted", [1, 2])
def test_a_layer_without_parameters_shifts_the_indices_behind_it(inserted: int) -> None:
    file = of_file(entries(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3))))
    relus = [nn.ReLU() for _ in range(inserted)]
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *relus, nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 3))
    diagnosis = diagnose(file, entries(net))
    assert diagnosis.loads
    assert diagnosis.ambiguous == []
    (rule,) = diagnosis.rules
    assert (rule.kind, rule.from_, rule.to) == ("index_shift", "{n}", f"{{n+{inserted}}}")
    assert rule.condition == "n ≥ 2"


def test_renamed_blocks_keep_their_order_and_are_sure() -> None:
    model = known("bert_like")
    diagnosis = diagnose(renamed(model, ("encoder.layer.", "trunk.blocks."), ("intermediate", "up")), model)
    assert diagnosis.loads
    assert diagnosis.ambiguous == []
    for one in diagnosis.transfers:
        assert one.sources == [one.target.replace("encoder.layer.", "trunk.blocks.").replace("intermediate", "up")]
    assert ("renamed", "trunk.blocks.{n}.up", "encoder.layer.{n}.intermediate", 24) in rules(diagnosis)


def test_parts_that_look_the_same_and_have_strange_names_are_ambiguous() -> None:
    model = [Entry(key=f"{name}.weight", shape=(32, 64)) for name in ("left", "right")]
    file = [Entry(key=f"{name}.weight", shape=(32, 64)) for name in ("alpha", "beta_part")]
    (one,) = diagnose(file, model).ambiguous
    assert one.model == ["left.weight", "right.weight"]
    assert one.candidates == ["alpha.weight", "beta_part.weight"]


def test_one_small_tensor_is_never_taken_by_its_shape_alone() -> None:
    diagnosis = diagnose([Entry(key="temperature.weight", shape=(64,))], [Entry(key="norm.weight", shape=(64,))])
    assert diagnosis.transfers == []
    assert diagnosis.ambiguous[0].candidates == ["temperature.weight"]


def test_names_of_tensorflow_and_statistics_are_known() -> None:
    model = known("resnet18")
    changes = (("bn1.weight", "bn1.gamma"), ("bn1.bias", "bn1.beta"), ("running_mean", "moving_mean"))
    diagnosis = diagnose(renamed(model, *changes, ("running_var", "moving_variance")), model)
    assert diagnosis.loads
    assert ("renamed", "*.gamma", "*.weight", 9) in rules(diagnosis)


def test_counters_and_position_ids_do_not_matter() -> None:
    file = [e for e in of_file(known("resnet18")) if not e.key.endswith("num_batches_tracked")]
    diagnosis = diagnose(file, known("resnet18"))
    assert diagnosis.loads
    assert diagnosis.coverage == 1
    assert len(diagnosis.benign) == 20
    extra = [*of_file(known("lenet")), Entry(key="rope.inv_freq", shape=(32,)), Entry(key="total_ops", shape=(1,))]
    assert diagnose(extra, known("lenet")).loads
    mask = Entry(key="attn.bias", shape=(1, 1, 64, 64), kind="buffer")
    assert diagnose([], [mask]).loads


def test_a_tied_twin_that_the_file_lacks_is_filled() -> None:
    model = known("small_bert")
    for gone in ("decoder.weight", "embeddings.word_embeddings.weight"):
        diagnosis = diagnose([e for e in of_file(model) if e.key != gone], model)
        assert diagnosis.loads
        assert [(rule.kind, rule.to) for rule in diagnosis.rules] == [("tied", gone)]
    untied = [Entry(key=e.key, shape=e.shape) for e in model]
    file = [e for e in of_file(model) if e.key != "decoder.weight"]
    assert diagnose(file, untied).stays_random == ["decoder.weight"]


def test_layouts_of_other_frameworks_are_undone_value_by_value() -> None:
    model = {
        "conv.weight": numbers((8, 3, 5, 7)),
        "fc.weight": numbers((10, 20)),
        "point.weight": numbers((6, 4, 1, 1)),
    }
    file = {
        "conv.kernel": model["conv.weight"].transpose(2, 3, 1, 0),
        "fc.kernel": model["fc.weight"].T,
        "point.weight": model["point.weight"][:, :, 0, 0],
    }
    diagnosis = diagnose(described(file), described(model))
    assert diagnosis.loads
    for one in diagnosis.transfers:
        assert np.array_equal(made(one, file), model[one.target])
    assert {"kernel_layout", "transpose", "squeeze"} <= {rule.kind for rule in diagnosis.rules}
    assert not any(rule.lossy for rule in diagnosis.rules)
    without = diagnose(described(file), described(model), LOSSLESS - {"transpose"})
    assert without.stays_random == ["fc.weight"]


def test_whether_a_square_matrix_is_transposed_is_not_guessed() -> None:
    model = [Entry(key="a.weight", shape=(768, 3072)), Entry(key="b.weight", shape=(768, 768))]
    file = [Entry(key="a.weight", shape=(3072, 768)), Entry(key="b.weight", shape=(768, 768))]
    diagnosis = diagnose(file, model)
    assert [one.model for one in diagnosis.ambiguous] == [["b.weight"]]
    assert "square" in diagnosis.notes[0]


def test_a_scalar_of_one_axis_fills_a_scalar() -> None:
    assert diagnose([Entry(key="scale", shape=(1,))], [Entry(key="scale", shape=())]).loads
    assert diagnose([Entry(key="scale", shape=())], [Entry(key="scale", shape=(1,))]).loads


@pytest.mark.parametrize("names", [("q", "k", "v"), ("query", "key", "value"), ("q_proj", "k_proj", "v_proj")])
@pytest.mark.parametrize("fused", ["attn.qkv.{}", "attn.in_proj_{}", "attn.Wqkv.{}"])
def test_query_key_value_are_joined_and_split_value_by_value(names: Sequence[str], fused: str) -> None:
    parts = {f"attn.{name}.weight": numbers((16, 12), 1000 * at) for at, name in enumerate(names)}
    parts |= {f"attn.{name}.bias": numbers((16,), 5000 * at) for at, name in enumerate(names)}
    out = {"attn.out_proj.weight": numbers((12, 16))}
    whole = {
        fused.format("weight"): np.concatenate([parts[f"attn.{name}.weight"] for name in names]),
        fused.format("bias"): np.concatenate([parts[f"attn.{name}.bias"] for name in names]),
    }
    for file, model, kind in ((parts | out, whole | out, "qkv_join"), (whole | out, parts | out, "qkv_split")):
        diagnosis = diagnose(described(file), described(model))
        assert diagnosis.loads
        for one in diagnosis.transfers:
            assert np.array_equal(made(one, file), model[one.target])
        assert kind in {rule.kind for rule in diagnosis.rules}


def test_interleaved_query_key_value_is_left_alone() -> None:
    parts = [Entry(key=f"attn.{name}.weight", shape=(16, 16)) for name in "qkv"]
    assert not diagnose([Entry(key="attn.query_key_value.weight", shape=(48, 16))], parts).loads


@pytest.mark.parametrize("new", [True, False])
def test_both_spellings_of_weight_and_spectral_norm_are_one(new: bool) -> None:
    diagnosis = diagnose(of_file(entries(Generator(new))), entries(Generator(not new)))
    assert diagnosis.loads
    assert {rule.kind for rule in diagnosis.rules} == {"weight_norm", "spectral_norm"}
    assert not any(rule.lossy for rule in diagnosis.rules)


def test_weight_norm_is_folded_only_where_that_is_allowed() -> None:
    normed, plain = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3)), nn.Conv1d(4, 6, 3)
    file = {key: value.numpy() for key, value in normed.state_dict().items()}
    refused = diagnose(described(file), entries(plain))
    assert refused.stays_random == ["weight"]
    assert refused.partial[0].kind == "weight_norm_fold"
    folded = diagnose(described(file), entries(plain), LOSSLESS | LOSSY)
    assert folded.loads
    (one,) = [one for one in folded.transfers if one.target == "weight"]
    assert one.lossy
    assert np.allclose(made(one, file), normed.weight.detach().numpy())


def test_dtypes_are_information_and_lossy_only_where_values_are_lost() -> None:
    file = [Entry(key="a", shape=(3,), dtype="float16"), Entry(key="b", shape=(3,), dtype="float64")]
    model = [Entry(key="a", shape=(3,), dtype="float32"), Entry(key="b", shape=(3,), dtype="float32")]
    diagnosis = diagnose(file, model)
    assert diagnosis.loads
    assert [(rule.kind, rule.from_, rule.lossy) for rule in diagnosis.rules] == [
        ("cast", "float16", False),
        ("cast", "float64", True),
    ]


@pytest.mark.parametrize(
    "given", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]
)
@pytest.mark.parametrize("kept", ["float64", "float32", "float16", "bfloat16", "int64", "int16", "uint8", "bool"])
def test_what_a_dtype_loses_is_what_torch_loses(given: str, kept: str) -> None:
    dtype, other = getattr(torch, given), getattr(torch, kept)
    if dtype.is_floating_point:
        limits = torch.finfo(dtype)
        samples = torch.tensor([limits.max, limits.tiny, 1 + limits.eps, -1.0], dtype=dtype)
    elif dtype == torch.bool:
        samples = torch.tensor([True, False])
    else:
        limits = torch.iinfo(dtype)
        samples = torch.tensor([limits.max, limits.min, limits.max - 1, 1], dtype=dtype)
    survives = samples.to(other).tolist() == samples.tolist()
    assert loses(given, kept) == (not survives)


def test_nothing_of_a_lazy_model_is_refused() -> None:
    diagnosis = diagnose([Entry(key="module.fc.weight", shape=(3, 2))], [Entry(key="fc.weight", shape=None)])
    assert diagnosis.loads


def test_an_empty_file_and_an_empty_model() -> None:
    assert diagnose([], []).loads
    assert diagnose([], known("lenet")).coverage == 0
    assert not diagnose(of_file(known("lenet")), []).loads


def test_the_fused_and_transposed_attention_of_gpt2_is_split_value_by_value() -> None:
    width = 12
    parts = {f"h.0.attn.{name}.weight": numbers((width, width), 1000 * at) for at, name in enumerate("qkv")}
    model = parts | {"h.0.mlp.up.weight": numbers((4 * width, width))}
    file = {
        "transformer.h.0.attn.c_attn.weight": np.concatenate(list(parts.values())).T,
        "transformer.h.0.mlp.up.weight": model["h.0.mlp.up.weight"].T,
    }
    diagnosis = diagnose(described(file), described(model))
    assert diagnosis.loads
    for one in diagnosis.transfers:
        assert np.array_equal(made(one, file), model[one.target])


def test_the_rules_of_the_contract_are_spelled_as_json() -> None:
    model = known("vit_b_16")
    file = renamed(model, ("encoder.layers.encoder_layer_", "blocks."), ("self_attention", "attn"))
    found = msgspec.to_builtins(diagnose(file, model))
    assert [(rule["kind"], rule["from"], rule["to"], rule["tensors"]) for rule in found["rules"]] == [
        ("renamed", "blocks.{n}", "encoder.layers.encoder_layer_{n}", 8 * 12),
        ("renamed", "blocks.{n}.attn", "encoder.layers.encoder_layer_{n}.self_attention", 4 * 12),
    ]
    assert all({"confidence", "lossy"} <= rule.keys() for rule in found["rules"])
