cimport cython
from tensorplug_dispatcher.kinds cimport ATTRIBUTE, DEVICE, LIST, SCALAR, TENSOR, is_dynamic, told_apart
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.plans cimport DevicePlan, Plan
from tensorplug_dispatcher.storage cimport Device
from tensorplug_dispatcher.tensor cimport TensorBase


cdef class Entry:
    cpdef object call(self, tuple args)
    cpdef object call_into(self, tuple args, tuple outs)


@cython.final
cdef class CallableEntry(Entry):
    cdef readonly object fn


@cython.final
cdef class KernelEntry(Entry):
    cdef readonly object function
    cdef readonly object op
    cdef readonly Device device
    cdef readonly object consumed
    cdef object make_plan
    cdef bytes kinds
    cdef dict plans
    cdef int tensors
    cdef Layout first0, second0, first1, second1
    cdef Plan plan0, plan1
    cdef tuple remembered0, remembered1
    cdef tuple plan_key(self, tuple args)


cdef Plan plan_of(KernelEntry entry, object key, tuple args, object outs)
cdef void keep_quick(KernelEntry entry, Layout first, Layout second, Plan plan) except *
cdef void keep_matching(KernelEntry entry, tuple kept, Plan plan) except *
cdef object part_of(int kind, object arg)
cdef bint matches(bytes kinds, tuple key, tuple args) except -1
cdef bint must_copy(KernelEntry entry, TensorBase out, TensorBase arg) except -1
cdef bint updates(KernelEntry entry, TensorBase out, TensorBase first) except -1
cdef void forget_plans(KernelEntry entry) except *
cdef void add_count(KernelEntry entry, Plan plan) except *
