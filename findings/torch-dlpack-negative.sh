#!/usr/bin/env bash
# PyTorch 2.13.0 with NumPy 2.4.6: the imaginary part of a conjugate is a view whose sign is still to be turned. Handed
# over by DLPack it arrives with the wrong sign, in NumPy and in PyTorch itself, and nothing is raised; numpy() of the
# same tensor refuses, and so does DLPack for the conjugate that the view was taken of. Seen:
#   the tensor        [-2.0, 4.0]
#   np.from_dlpack    [2.0, -4.0]
#   torch.from_dlpack [2.0, -4.0]
#   numpy()           RuntimeError
#   of the conjugate  BufferError
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "the tensor        [-2.0, 4.0]
np.from_dlpack    [2.0, -4.0]
torch.from_dlpack [2.0, -4.0]
numpy()           RuntimeError
of the conjugate  BufferError" <<'PROGRAM'
import numpy as np
import torch

conjugate = torch.tensor([1 + 2j, 3 - 4j]).conj()
x = conjugate.imag


def outcome(work):
    try:
        return work().tolist()
    except Exception as error:
        return type(error).__name__


print("the tensor       ", x.tolist())
print("np.from_dlpack   ", outcome(lambda: np.from_dlpack(x)))
print("torch.from_dlpack", outcome(lambda: torch.from_dlpack(x)))
print("numpy()          ", outcome(lambda: x.numpy()))
print("of the conjugate ", outcome(lambda: np.from_dlpack(conjugate)))
PROGRAM
