#!/usr/bin/env bash
# onnxruntime 1.31.1 with onnx 1.23.0: Hardmax, which is to give each row one 1, gives none to a row that begins with a
# NaN: no element is above it, and itself is not equal to the largest. What is multiplied with that row, to choose one of
# several things, is 0. (The reference implementation of onnx gives [1, 0, 0].) Seen:
#   [1.0, 2.0, 3.0]: Hardmax [0.0, 0.0, 1.0]
#   [nan, 2.0, 3.0]: Hardmax [0.0, 0.0, 0.0]
source "$(dirname "$0")/environment"
packages onnxruntime==1.31.1 onnx==1.23.0 numpy==2.4.6
seen "[1.0, 2.0, 3.0]: Hardmax [0.0, 0.0, 1.0]
[nan, 2.0, 3.0]: Hardmax [0.0, 0.0, 0.0]" <<'PROGRAM'
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


for row in ([1, 2, 3], [np.nan, 2, 3]):
    array = np.array([row], np.float32)
    print(f"{array[0].tolist()}: Hardmax {run('Hardmax', array)[0][0]}")
PROGRAM
