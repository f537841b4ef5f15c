#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: what NaN becomes in int8 depends on which function quantizes it: the largest step with one scale,
# zero with a scale for each channel, the smallest where quantization is only played. Seen:
#   quantize_per_tensor                     127
#   quantize_per_channel                    0
#   fake_quantize_per_tensor_affine         -128
#   fake_quantize_per_channel_affine        -128
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "quantize_per_tensor                     127
quantize_per_channel                    0
fake_quantize_per_tensor_affine         -128
fake_quantize_per_channel_affine        -128" <<'PROGRAM'
import warnings

import torch

warnings.simplefilter("ignore")
x = torch.tensor([[float("nan")]])
scale, zero = torch.tensor([0.5]), torch.tensor([0])
steps = {
    "quantize_per_tensor": torch.quantize_per_tensor(x, 0.5, 0, torch.qint8).int_repr(),
    "quantize_per_channel": torch.quantize_per_channel(x, scale, zero, 0, torch.qint8).int_repr(),
    "fake_quantize_per_tensor_affine": torch.fake_quantize_per_tensor_affine(x, 0.5, 0, -128, 127) / 0.5,
    "fake_quantize_per_channel_affine": torch.fake_quantize_per_channel_affine(
        x, scale, zero.int(), 0, -128, 127
    )
    / 0.5,
}
for name, found in steps.items():
    print(f"{name:<39} {int(found.item())}")
PROGRAM
