#!/usr/bin/env bash
# onnxruntime 1.31.1 with onnx 1.23.0: Unique takes a NaN for equal to whatever it meets first. Of [nan, 1, 2, 1] nothing
# but the NaN is left, and 1 and 2 are mapped to it; of [1, 2, 1, nan] the NaN is counted as a 1. (NumPy, and the
# reference implementation of onnx, give [1, 2, nan] for both.) Seen:
#   NaN first: values [nan], mapped to [0, 0, 0, 0], counts [4]
#   NaN last:  values [1.0, 2.0], mapped to [0, 1, 0, 0], counts [3, 1]
source "$(dirname "$0")/environment"
packages onnxruntime==1.31.1 onnx==1.23.0 numpy==2.4.6
seen "NaN first: values [nan], mapped to [0, 0, 0, 0], counts [4]
NaN last:  values [1.0, 2.0], mapped to [0, 1, 0, 0], counts [3, 1]" <<'PROGRAM'
import numpy as np
import onnx
import onnxruntime
from onnx import helper

onnxruntime.set_default_logger_severity(4)


def run(op, *arrays, results=1, **attributes):
    """The results of a graph of one op."""
    names = [f"i{k}" for k in range(len(arrays))]
    outs = [f"o{k}" for k in range(results)]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in zip(names, arrays)
    ]
    node = helper.make_node(op, names, outs, **attributes)
    graph = helper.make_graph([node], "graph", inputs, [onnx.ValueInfoProto(name=out) for out in outs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [found.tolist() for found in session.run(None, dict(zip(names, arrays)))]


first, _, places, counts = run("Unique", np.array([np.nan, 1, 2, 1], np.float32), results=4)
print(f"NaN first: values {first}, mapped to {places}, counts {counts}")
last, _, places, counts = run("Unique", np.array([1, 2, 1, np.nan], np.float32), results=4)
print(f"NaN last:  values {last}, mapped to {places}, counts {counts}")
PROGRAM
