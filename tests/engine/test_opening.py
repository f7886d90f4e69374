"""Which object a target means, and the sentence where it means none or several."""

import sys

import pytest
from torch import nn

from inspector.core.errors import ModelEndedError, RequestError
from inspector.core.recipe import Recipe
from inspector.engine.pytorch.opening import open_module

HEAD = "import torch\nfrom torch import nn\n"
LAYER = "class {name}(nn.Module):\n    def __init__(self{arguments}):\n        super().__init__()\n        {body}\n"


@pytest.fixture(autouse=True)
def _imports_as_before(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        del sys.modules[name]


def write(folder, text, name="net.py"):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD + text)
    return str(file)


def layer(name, arguments="", body="self.fc = nn.Linear(2, 3)"):
    return LAYER.format(name=name, arguments=arguments and f", {arguments}", body=body)


def opened(target, **recipe):
    return open_module(Recipe(target=target, **recipe))


def test_the_only_instance_comes_before_any_class(tmp_path):
    found = opened(write(tmp_path, layer("Net") + "model = nn.Linear(7, 8)\n"))
    assert found.name == "model"
    assert found.model.in_features == 7


@pytest.mark.parametrize("criterion", ["nn.BCEWithLogitsLoss()", "nn.CrossEntropyLoss(weight=torch.ones(3))"])
def test_a_criterion_beside_a_model_is_none(tmp_path, criterion):
    assert opened(write(tmp_path, layer("Net") + f"criterion = {criterion}\n")).name == "Net"
    both = f"model = nn.Linear(7, 8)\ncriterion = {criterion}\n"
    assert opened(write(tmp_path, both, "both.py")).name == "model"
    assert opened(write(tmp_path, f"criterion = {criterion}\n", "alone.py")).name == "criterion"


def test_a_class_that_another_class_uses_is_no_candidate(tmp_path):
    found = opened(write(tmp_path, layer("Part") + layer("Whole", body="self.part = Part()")))
    assert found.name == "Whole"


def test_a_class_that_needs_arguments_is_no_candidate(tmp_path):
    assert opened(write(tmp_path, layer("Sized", "size") + layer("Net"))).name == "Net"


def test_arguments_choose_the_class_that_takes_them(tmp_path):
    found = opened(write(tmp_path, layer("Sized", "size") + layer("Net")), arguments="size=3")
    assert found.name == "Sized"


def test_imported_classes_are_not_defined_there(tmp_path):
    write(tmp_path, layer("Other"), "sibling_of_net.py")
    assert opened(write(tmp_path, "from sibling_of_net import Other\n" + layer("Net"))).name == "Net"


def test_two_candidates_are_listed_as_commands(tmp_path):
    target = write(tmp_path, layer("A") + layer("B"))
    with pytest.raises(RequestError) as refused:
        opened(target)
    assert f"nninspect {target}:A" in str(refused.value)
    assert f"nninspect {target}:B" in str(refused.value)


def test_missing_arguments_are_named_with_the_command(tmp_path):
    target = write(tmp_path, layer("Net", "inputs, outputs, bias=True"))
    with pytest.raises(RequestError, match="inputs, outputs") as refused:
        opened(target)
    assert f"nninspect {target} --args 'inputs=…, outputs=…'" in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "1, 2, 3, 4",
            r"too many positional arguments for Net\(a, b=2, \*, c\): it takes 2 .* 4 are given; name the oth",
        ),
        ("1, a=2, c=3", "gives a by position and by name"),
        ("1, 2", "have no default: c; type"),
    ],
)
def test_arguments_by_position_are_as_many_as_there_are(tmp_path, arguments, sentence):
    with pytest.raises(RequestError, match=sentence):
        opened(write(tmp_path, layer("Net", "a, b=2, *, c")), arguments=arguments)


@pytest.mark.parametrize("name", ["make", "Holder.model", "model"])
def test_functions_attributes_and_instances_by_name(tmp_path, name):
    text = "model = nn.Linear(7, 8)\nclass Holder:\n    model = model\ndef make():\n    return nn.Linear(7, 8)\n"
    assert opened(f"{write(tmp_path, text)}:{name}").model.in_features == 7


def test_the_seed_makes_the_weights(tmp_path):
    target = write(tmp_path, layer("Net"))
    one, same, other = (opened(target, seed=seed).model.fc.weight.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_package_may_import_relatively(tmp_path):
    write(tmp_path, "", "somepackage/__init__.py")
    write(tmp_path, layer("Part"), "somepackage/parts.py")
    text = "from .parts import Part\n" + layer("Net", body="self.part = Part()")
    assert opened(write(tmp_path, text, "somepackage/net.py")).name == "Net"


def test_a_file_named_like_a_module_of_python_does_not_take_its_place(tmp_path):
    import types

    assert opened(write(tmp_path, layer("Net"), "types.py")).name == "Net"
    assert sys.modules["types"] is types


def test_looking_leaves_no_bytecode_behind(tmp_path):
    write(tmp_path, layer("Part"), "sibling_of_it.py")
    opened(write(tmp_path, "import sibling_of_it\n" + layer("Net")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.py", "sibling_of_it.py"]


REFUSED = {
    "is not valid Python": "def broken(:\n",
    "not installed": "import a_package_nobody_has\n",
    "ZeroDivisionError": "1 / 0\n",
    "holds no model": "x = 3\n",
    "fails to construct: ValueError": layer("Net", body="raise ValueError('no')"),
    r"super\(\).__init__": "class Net(nn.Module):\n    def __init__(self):\n        pass\n",
}


@pytest.mark.parametrize(("sentence", "text"), REFUSED.items())
def test_what_cannot_be_opened_is_a_sentence(tmp_path, sentence, text):
    with pytest.raises(RequestError, match=sentence):
        opened(write(tmp_path, text))


def test_a_missing_name_offers_close_ones(tmp_path):
    with pytest.raises(RequestError, match="did you mean Network"):
        opened(write(tmp_path, layer("Network")) + ":Netwrok")


def test_a_value_that_is_no_model_is_said_to_be_none(tmp_path):
    target = write(tmp_path, "def make():\n    return 3\nsize = 4\n")
    with pytest.raises(RequestError, match="returned a int"):
        opened(f"{target}:make")
    with pytest.raises(RequestError, match="is a int, not a model"):
        opened(f"{target}:size")


def test_an_exit_in_the_constructor_is_told(tmp_path):
    with pytest.raises(ModelEndedError, match=r"sys\.exit\(4\)"):
        opened(write(tmp_path, layer("Net", body="raise SystemExit(4)")))


def test_a_module_of_a_package_is_found():
    found = opened("torch.nn:Identity")
    assert isinstance(found.model, nn.Identity)
    with pytest.raises(RequestError, match=r"no module 'torch.nothing'"):
        opened("torch.nothing:Net")


def test_a_factory_that_downloads_in_vain_makes_the_model_without_or_says_how(tmp_path):
    file = write(
        tmp_path,
        "from urllib.error import URLError\n\ndef net(weights_backbone='best', width=3):\n"
        "    if weights_backbone:\n        raise URLError('offline')\n    return nn.Linear(width, 1)\n",
    )
    found = opened(f"{file}:net")
    assert (found.model.in_features, found.build(1).in_features) == (3, 3)
    assert "weights_backbone=None" in found.left_out
    with pytest.raises(RequestError, match="--args 'weights_backbone=None'"):
        opened(f"{file}:net", arguments="weights_backbone='other'")
    assert opened(f"{file}:net", arguments="weights_backbone=None").model.in_features == 3
