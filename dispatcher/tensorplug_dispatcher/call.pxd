cimport cython
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.plans cimport DevicePlan, Plan
from tensorplug_dispatcher.tensor cimport (
    _UNRECORDABLE, Context, Device, TensorBase, current, new_storage, tensor_bits, wrap,
)

cdef int TENSOR, OPTIONAL, LIST, ATTRIBUTE, SCALAR, DYNAMIC_FLOAT, DYNAMIC_INT, DYNAMIC_SCALAR, DEVICE


cdef class Entry:
    cpdef object call(self, tuple args)
    cpdef object call_into(self, tuple args, tuple outs)


@cython.final
cdef class CallableEntry(Entry):
    cdef readonly object fn


@cython.final
cdef class KernelEntry(Entry):
    cdef readonly OpFunction function
    cdef readonly Device device
    cdef readonly object consumed
    cdef dict plans
    cdef int tensors
    cdef Layout first0, second0, first1, second1
    cdef Plan plan0, plan1
    cdef tuple remembered0, remembered1
    cdef object plan_key(self, tuple args)


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


cdef Plan plan_of(KernelEntry entry, object key, tuple args, object outs)
cdef void keep_quick(KernelEntry entry, Layout first, Layout second, Plan plan) except *
cdef void keep_matching(KernelEntry entry, tuple kept, Plan plan) except *
cdef tuple remember(bytes kinds, tuple args)
cdef bint matches(bytes kinds, tuple kept, tuple args) except -1
cdef bint is_plain(OpFunction function, tuple args) except -1
cdef bint all_ints(tuple items) except -1
cdef bint must_copy(KernelEntry entry, TensorBase out, TensorBase arg) except -1
cdef bint updates(KernelEntry entry, TensorBase out, TensorBase first) except -1
