from tensorplug_dispatcher.tensor cimport TensorBase
from tensorplug_layers.node cimport Node

cdef bint _checks_nan

cdef void deliver(object target, object number, object gradient, dict pending, list heap) except *
cdef object beside(TensorBase tensor, TensorBase gradient)
cdef object give_leaf(
    TensorBase leaf, object gradient, bint alone, bint create_graph, object watched, object wanted
)
cdef object accumulate(TensorBase leaf, object gradient, bint alone, bint create_graph)
