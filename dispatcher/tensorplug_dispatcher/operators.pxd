from tensorplug_dispatcher.call cimport OpFunction
from tensorplug_dispatcher.plans cimport make_view
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.context cimport _HISTORY, _LAYERS, Context, current
from tensorplug_dispatcher.tensor cimport TensorBase, tensor_bits, wrap


cdef class TensorOps(TensorBase):
    pass


cdef object binary(OpFunction function, object a, object b)
cdef object inplace(OpFunction function, object a, object b)
