"""A module as a live model, for tests that run it."""

import copy

from inspector.core.recipe import Recipe
from inspector.engine.pytorch.model import TorchModel
from inspector.engine.pytorch.opening import Opened


def silent(done, total, text):
    """Progress nobody watches."""


def live(module, **recipe):
    recipe = Recipe(target="net.py", **recipe)
    module.train(recipe.training)
    return TorchModel(recipe, Opened(module, "Net", lambda seed: copy.deepcopy(module)))
