cimport cython
from tensorplug_dispatcher.context cimport Context, current
from tensorplug_dispatcher.entries cimport Entry, forget_plans
from tensorplug_dispatcher.kinds cimport (
    ATTRIBUTE, DEVICE, DYNAMIC_FLOAT, DYNAMIC_INT, DYNAMIC_SCALAR, LIST, OPTIONAL, SCALAR, TENSOR,
)
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.storage cimport Device, new_storage
from tensorplug_dispatcher.tensor cimport _UNRECORDABLE, TensorBase, tensor_bits, wrap


@cython.final
cdef class OpFunction:
    cdef readonly object op
    cdef readonly str name
    cdef readonly tuple names
    cdef readonly bytes kinds
    cdef readonly tuple defaults
    cdef tuple plain
    cdef tuple tails
    cdef readonly int required
    cdef readonly int positional
    cdef readonly bint single_tensor
    cdef readonly dict entries
    cdef readonly dict bases
    cdef public dict counts
    cdef unsigned long long key0
    cdef unsigned long long key1
    cdef Entry entry0
    cdef Entry entry1
    cdef Entry find(self, unsigned long long key)
    cpdef object call1(self, TensorBase a)
    cpdef object call2(self, object a, object b)
    cpdef object call(self, tuple args)
    cpdef object call_into(self, tuple args, tuple outs)
    cpdef object write_into(self, tuple args, tuple outs)
    cdef unsigned long long key_of(self, tuple args, object outs) except? 0
    cdef dict __dict__
    cpdef tuple bind(self, tuple args, dict kwargs)


@cython.final
cdef class SizesMethod:
    cdef OpFunction function
    cdef object general
    cdef dict __dict__


cdef bint is_plain(OpFunction function, tuple args) except -1
cdef bint all_ints(tuple items) except -1
