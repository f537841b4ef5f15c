#!/usr/bin/env bash
# PyTorch 2.13.0, CPU: of 4,096 ones at one place index_add makes 4,096 in bfloat16 and in float16; the gradient of an
# embedding and index_put with accumulate stop at 256 and 2,048, where one more no longer changes the number: a word
# that comes often learns a sixteenth of its gradient. Seen:
#   bfloat16, index_add: 4096
#   bfloat16, scatter_add: 4096
#   bfloat16, index_put: 256
#   bfloat16, embedding: 256
#   float16, index_add: 4096
#   float16, scatter_add: 4096
#   float16, index_put: 2048
#   float16, embedding: 2048
source "$(dirname "$0")/environment"
packages torch==2.13.0 numpy==2.4.6
seen "bfloat16, index_add: 4096
bfloat16, scatter_add: 4096
bfloat16, index_put: 256
bfloat16, embedding: 256
float16, index_add: 4096
float16, scatter_add: 4096
float16, index_put: 2048
float16, embedding: 2048" <<'PROGRAM'
import torch

torch.set_num_threads(1)
COUNT = 4096
for dtype in (torch.bfloat16, torch.float16):
    gradient = torch.ones(COUNT, 1, dtype=dtype)
    places = torch.zeros(COUNT, dtype=torch.int64)
    table = torch.zeros(1, 1, dtype=dtype, requires_grad=True)
    torch.nn.functional.embedding(places, table).backward(gradient)
    found = {
        "index_add": torch.zeros(1, 1, dtype=dtype).index_add(0, places, gradient),
        "scatter_add": torch.zeros(1, 1, dtype=dtype).scatter_add(0, places[:, None], gradient),
        "index_put": torch.zeros(1, 1, dtype=dtype).index_put((places,), gradient, accumulate=True),
        "embedding": table.grad,
    }
    for name, result in found.items():
        print(f"{str(dtype).removeprefix('torch.')}, {name}: {result.item():.0f}")
PROGRAM
