cimport cython
from libc.stdint cimport int64_t
from tensorplug_dispatcher.kinds cimport (
    DYNAMIC_FLOAT, DYNAMIC_INT, LIST, NOTHING, NUMBER, TENSOR, is_dynamic,
)
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.context cimport Context, current
from tensorplug_dispatcher.storage cimport Bucket, Device, Run, Storage, begin_run, end_run, new_storage
from tensorplug_dispatcher.tensor cimport _UNRECORDABLE, TensorBase, wrap

ctypedef const int64_t *params_t

cdef enum:  # of one launch at most; as in plans.py
    POINTERS = 40
    WORDS = 24

cdef extern from "tensorplug.h":
    ctypedef int (*tp_kernel)(void *const *data, params_t params) noexcept nogil


cdef class Plan:
    cdef readonly object path
    cdef readonly object provider
    cdef readonly object reason
    cdef public object function
    cdef public unsigned long long calls
    cpdef object run(self, tuple args, tuple outs)


@cython.final
cdef class CallablePlan(Plan):
    cdef object fn


@cython.final
cdef class ViewPlan(Plan):
    cdef Layout layout
    cdef Py_ssize_t delta
    cdef bint bounded
    cdef Py_ssize_t low
    cdef Py_ssize_t high


@cython.final
cdef class NativePlan(Plan):
    cdef Device device
    cdef tuple out_layouts
    cdef Layout out_layout
    cdef Bucket bucket
    cdef bytes kinds
    cdef bytes codes
    cdef tuple fixes
    cdef size_t address
    cdef size_t params
    cdef object owners
    cdef object attributes
    cdef object name
    cdef bint release_gil
    cdef TensorBase allocate(self)


cdef class DevicePlan(Plan):
    cdef Device device
    cdef object compute(self, tuple args, object outs)


@cython.final
cdef class PythonPlan(DevicePlan):
    cdef tuple out_layouts
    cdef tuple in_layouts
    cdef bytes kinds
    cdef tuple fixes
    cdef object fn
    cdef dict attributes
    cdef tuple dynamic


@cython.final
cdef class PreparedPlan(DevicePlan):
    cdef tuple out_layouts
    cdef bytes kinds
    cdef tuple fixes
    cdef object launch
    cdef tuple scratch


cdef int _MOVED
cdef bint left(Device device, tuple args)
cdef int launch(NativePlan plan, tuple args, TensorBase single, object outs) except -1
cdef list storages_of(tuple args, object outs)
cdef list operands_of(bytes kinds, tuple args)
cdef void store_scalar(object value, int code, unsigned long long *words, Py_ssize_t place) except *
cdef long long wrapped_int(object value) except? -1
cdef TensorBase make_view(TensorBase source, Layout layout, Py_ssize_t delta)
