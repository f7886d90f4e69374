"""Puts a live model through the tests that come before training."""

from inspector.core.self_tests import SelfTestReport, SelfTestSettings
from inspector.engine.live import LiveModel, Progress


def self_test(model: LiveModel, settings: SelfTestSettings, progress: Progress) -> SelfTestReport:
    """The model stays as it is. Raises RequestError where it cannot be trained, as an ONNX graph cannot."""
    from inspector.engine.pytorch.experiments.self_tests import self_tests

    return model.subject(settings.inputs, progress).of(lambda subject: self_tests(subject, settings))
