#!/usr/bin/env bash
# onnxruntime 1.31.1 with onnx 1.23.0: Pow of int64 goes through float64, so that a result that int64 holds is not the
# integer; Mul of the same numbers is exact. Seen:
#   3 ** 39 is 4052555153018976267
#   by Mul     4052555153018976267
#   by Pow     4052555153018976256
source "$(dirname "$0")/environment"
packages onnxruntime==1.31.1 onnx==1.23.0 numpy==2.4.6
seen "3 ** 39 is 4052555153018976267
by Mul     4052555153018976267
by Pow     4052555153018976256" <<'PROGRAM'
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


three = np.array([3], np.int64)
product = three
for _ in range(38):
    product = np.array(run("Mul", product, three)[0], np.int64)
print(f"3 ** 39 is {3**39}")
print(f"by Mul     {product[0]}")
print(f"by Pow     {run('Pow', three, np.array([39], np.int64))[0][0]}")
PROGRAM
