"""The healthy models by name: where each is, and what it is given where that cannot be worked out."""

from pathlib import Path

FOLDER = Path(__file__).parent
HEALTHY: dict[str, tuple[str, list[str]]] = {
    f"{file}:{name}": (f"{FOLDER / file}.py:{name}", specs)
    for file, models in {
        "classifiers": {
            "MLP": ["2x1x28x28"], "LeNet": ["2x1x28x28"], "VGG": ["2x3x32x32"], "ResNet": ["2x3x32x32"],
            "ZeroInitResNet": ["2x3x32x32"], "DenseNet": ["2x3x32x32"], "MobileNet": ["2x3x64x64"],
            "SENet": ["2x3x32x32"], "ConvNeXt": ["2x3x32x32"], "SelfNormalising": ["2x32"], "TanhNet": ["2x20"],
            "LazyNet": ["2x3x32x32"], "WeightNormed": ["2x40"],
        },
        "transformers": {
            "ViT": ["2x3x32x32"], "GPT": ["ids=2x16:int64~range(0,128)"],
            "BERT": ["input_ids=2x16:int64~range(0,200)", "attention_mask=2x16:int64~ones"],
            "Translator": ["src=2x11:int64~range(0,90)", "tgt=2x9:int64~range(0,110)"], "LoRA": ["2x7x24"],
            "MixtureOfExperts": ["2x6x16"], "Llama": ["ids=2x16:int64~range(0,160)"],
        },
        "sequences": {
            "LSTMClassifier": ["tokens=2x15:int64~range(0,120)"], "CharacterLSTM": ["ids=2x20:int64~range(0,60)"],
            "GRUForecaster": ["2x24x8"], "AudioNet": ["2x1x8000"], "TCN": ["2x3x50"],
            "TextCNN": ["ids=2x30:int64~range(0,300)"],
            "Seq2Seq": ["source=2x9:int64~range(0,50)", "target=2x7:int64~range(0,50)"],
            "MultiInput": ["image=2x3x16x16", "numbers=2x10", "category=2:int64~range(0,20)"],
        },
        "generators": {
            "VAE": ["2x1x28x28"], "Generator": ["2x64x1x1"], "Discriminator": ["2x3x32x32"], "UNet": ["2x3x32x32"],
            "DiffusionUNet": ["x=2x3x16x16", "timestep=2:int64~range(0,1000)"],
            "Siamese": ["left=2x1x28x28", "right=2x1x28x28"], "Segmenter": ["2x3x48x48"], "Detector": ["2x3x64x64"],
            "Autoencoder": ["2x784"], "GCN": ["x=2x12x16", "adjacency=2x12x12~uniform"], "PointNet": ["2x40x3"],
            "DuelingQ": ["2x8"],
        },
    }.items()
    for name, specs in models.items()
}  # fmt: skip
