"""Train a small network on handwritten digits and quantize it in every way: accuracy and size of each.

Needs scikit-learn (``pip install 'tensorplug[demo]'``). Run: python examples/quantize_digits.py
[cnn|transformer]
"""

from __future__ import annotations

import copy
import os
import sys
import tempfile

import tensorplug as tp
from tensorplug import nn, quantization
from tensorplug.nn.utils import prune
from tensorplug.quantization import Config


def digits():
    """(training images, labels, test images, labels): 8 x 8 pixels in [0, 1], every fifth one for testing."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images, labels = tp.tensor((found.images / 16.0).tolist()), tp.tensor(found.target.tolist())
    test = tp.arange(len(labels)) % 5 == 0
    return images[~test], labels[~test], images[test], labels[test]


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(64 * 16, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = tp.relu(self.conv1(x.unsqueeze(1)))
        x = self.pool(tp.relu(self.conv2(x)))
        return self.fc2(tp.relu(self.fc1(x.flatten(1))))


class Transformer(nn.Module):
    """The eight rows of an image are eight words."""

    def __init__(self, width=160):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(tp.randn(8, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x) + self.place).mean(1))


def train(model, images, labels, epochs, lr=1e-3):
    """Adam on shuffled batches of 64."""
    optimizer = tp.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        order = tp.randperm(len(labels))
        for chosen in order.split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    return model.eval()


def accuracy(model, images, labels):
    """Percent."""
    with tp.no_grad():
        return 100.0 * (model(images).argmax(1) == labels).float().mean().item()


def file_size(model):
    """Bytes of the safetensors file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.safetensors")
        tp.save(model.state_dict(), path)
        return os.path.getsize(path)


def variants(model, images, labels, group_size):
    """(name, quantized model) for each way."""
    model.eval()
    with tp.no_grad(), quantization.calibrate(model) as calibration:
        model(images[:512])
    yield "int8 static", calibration.convert()
    yield "int8 dynamic", quantization.quantize_dynamic(model)
    yield "int8 weights", quantization.quantize_weights(model)
    yield "int4 weights", quantization.quantize_weights(model, bits=4, group_size=group_size)
    tuned = copy.deepcopy(model)
    with quantization.train(tuned, Config(weight_observer="minmax")) as training:
        train(tuned, images, labels, 2, lr=1e-4)
    yield "int8 trained", training.convert()


def pruned(model, images, labels):
    """(name, model) with half of the weights gone, trained a little on; then quantized."""
    sparse = copy.deepcopy(model)
    for module in list(sparse.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim > 1 and "weight" in name:
                prune.l1_unstructured(module, name, 0.5)
    train(sparse, images, labels, 2, lr=1e-4)
    prune.remove_all(sparse)
    yield "half pruned", sparse
    yield "pruned, int8", quantization.quantize_weights(sparse)


def packed_size(model):
    """Bytes that the weights would take as a bit mask and the nonzero values."""
    total = 0
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nonzero = int((parameter.dequantize() != 0).sum().item())
            total += parameter.numel() // 8 + nonzero * (1 if parameter.is_quantized else 4)
        else:
            total += parameter.numel() * 4
    return total


def main(kind="cnn"):
    tp.manual_seed(0)
    images, labels, test_images, test_labels = digits()
    model = train(Cnn() if kind == "cnn" else Transformer(), images, labels, 6 if kind == "cnn" else 12)
    float_accuracy, float_size = accuracy(model, test_images, test_labels), file_size(model)
    print(f"{'model':14} accuracy    size  of float32's")
    print(f"{'float32':14} {float_accuracy:6.2f} %  {float_size:7d}  1.000")
    for name, made in variants(model, images, labels, None):
        right, size = accuracy(made, test_images, test_labels), file_size(made)
        print(f"{name:14} {right:6.2f} %  {size:7d}  {size / float_size:.3f}")
    for name, made in pruned(model, images, labels):
        right, size = accuracy(made, test_images, test_labels), file_size(made)
        sparse = f"{prune.sparsity(made):.0%} zeros, as mask and values {packed_size(made) / float_size:.3f}"
        print(f"{name:14} {right:6.2f} %  {size:7d}  {size / float_size:.3f}  {sparse}")
    print()
    print(quantization.sensitivity(model, [images[:256]]).table())


if __name__ == "__main__":
    main(*sys.argv[1:])
