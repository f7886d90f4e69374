"""Sizes that models are usually made for, where nothing else decides."""

IMAGE_SIZES = (224, 32, 28, 64, 96, 128, 256, 299, 384, 512, 48, 16, 8)
GREY_SIZES = (28, 32, 64, 224, 96, 128, 256, 16, 8)
SEQUENCE_LENGTHS = (16, 128, 1024, 64, 100, 256, 512, 784, 2048, 4096, 8192, 16000, 44100)
VOLUME_SIZES = ((16, 112, 112), (16, 224, 224), (32, 32, 32), (16, 16, 16), (64, 64, 64), (8, 8, 8))
SEQUENCE = 16
NODES = 16


def usual_sizes(axes: int, channels: int, stride: int = 1) -> tuple[int, ...]:
    """Spatial sizes of an input with so many spatial axes and channels."""
    if axes == 1:
        # A first step as long as in models of raw sound.
        return (16000,) if channels == 1 and stride >= 4 else (64,)
    if axes == 3:
        return VOLUME_SIZES[0] if channels == 3 else (32, 32, 32)
    side = {1: 28, 3: 224}.get(channels, 64)
    return (side,) * axes
