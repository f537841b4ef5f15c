from tensorplug_dispatcher.call cimport OpFunction
from tensorplug_dispatcher.tensor cimport TensorBase


cdef class TensorOps(TensorBase):
    pass


cdef object binary(OpFunction function, object a, object b)
cdef object inplace(OpFunction function, object a, object b)
