"""A file of another model is refused, with what it fills and how it differs; a part of the right one is not."""

import time

import pytest
from known_models import BertLike, entries, known, of_file

from inspector.files.matching import Entry, diagnose


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("resnet18", "vgg16"),
        ("resnet50", "resnet18"),
        ("resnet18", "resnet50"),
        ("wide_resnet50_2", "resnet50"),
        ("resnext50_32x4d", "resnet50"),
        ("bert_like", "vit_b_16"),
        ("vit_b_16", "bert_like"),
        ("small_bert", "bert_like"),
        ("densenet121", "resnet50"),
        ("mobilenet_v2", "mobilenet_v3_large"),
        ("swin_t", "vit_b_16"),
        ("efficientnet_b0", "efficientnet_v2_s"),
        ("mlp", "lenet"),
    ],
)
def test_another_architecture_is_refused_with_its_share(file: str, model: str) -> None:
    diagnosis = diagnose(of_file(known(file)), known(model))
    assert diagnosis.refused
    assert not diagnosis.loads
    assert diagnosis.verdict.startswith("this is not this model: ")
    assert "% of the model's elements are filled" in diagnosis.verdict


def test_the_nearest_description_counts_blocks_and_widths() -> None:
    twelve = of_file(known("bert_like"))
    fewer = diagnose(twelve, entries(BertLike(10, 768)))
    assert "deeper by 2 blocks in encoder.layer" in fewer.verdict
    assert fewer.coverage == 1
    assert not fewer.loads
    assert len(fewer.unexpected) == 2 * 16
    assert "width 768 instead of 512" in diagnose(twelve, entries(BertLike(12, 512))).verdict
    assert "width 64 instead of 256" in diagnose(of_file(known("resnet18")), known("resnet50")).verdict


def test_a_backbone_without_its_head_is_not_refused() -> None:
    backbone = [entry for entry in of_file(known("resnet18")) if not entry.key.startswith("fc.")]
    diagnosis = diagnose(backbone, known("resnet18"))
    assert not diagnosis.refused
    assert diagnosis.missing == diagnosis.stays_random == ["fc.weight", "fc.bias"]
    assert diagnosis.coverage == pytest.approx(1 - 513_000 / sum_of_elements("resnet18"))


@pytest.mark.parametrize("key", ["_flat_param", "module._fsdp_wrapped_module._flat_param"])
def test_a_flat_parameter_is_refused_with_the_way_out(key: str) -> None:
    diagnosis = diagnose([Entry(key=key, shape=(11_689_512,), dtype="float32")], known("resnet18"))
    assert diagnosis.refused
    assert "torch.distributed.checkpoint" in diagnosis.verdict


def test_packed_parameters_are_refused() -> None:
    file = [Entry(key="fc._packed_params._packed_params", shape=(10, 84), dtype="qint8")]
    assert "quantisation" in diagnose(file, known("lenet")).verdict


@pytest.mark.slow
def test_five_thousand_keys_take_less_than_two_seconds() -> None:
    layers = ("q", "k", "v", "o", "up", "down", "norm1", "norm2")
    model = [
        Entry(key=f"layers.{at}.{layer}.{leaf}", shape=(512,) if leaf == "bias" else (512, 512 + len(layer)), dtype="")
        for at in range(313)
        for layer in layers
        for leaf in ("weight", "bias")
    ]
    renamed = [
        Entry(key=f"module.net.h.{entry.key[7:]}".replace(".o.", ".proj."), shape=entry.shape, dtype="")
        for entry in model
    ]
    flat = [Entry(key=f"x{at}", shape=entry.shape, dtype="") for at, entry in enumerate(model)]
    for file in (renamed, flat):
        start = time.process_time()
        diagnosis = diagnose(file, model)
        assert time.process_time() - start < 2
        assert diagnosis.loads == (file is renamed)


def sum_of_elements(name: str) -> int:
    total = 0
    for entry in known(name):
        count = 1
        for size in entry.shape or ():
            count *= size
        if not entry.key.endswith("num_batches_tracked"):
            total += count
    return total
