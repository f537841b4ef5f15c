cimport cython
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.tensor cimport (
    Bucket, Context, Device, Storage, TensorBase, current, new_storage, wrap,
)

ctypedef int (*kernel_t)(void **data, const long long *params) noexcept nogil


cdef class Plan:
    cdef readonly object path
    cdef readonly object provider
    cdef readonly object reason
    cdef public unsigned long long calls
    cpdef object run(self, tuple args, tuple outs)


@cython.final
cdef class CallablePlan(Plan):
    cdef object fn


@cython.final
cdef class ViewPlan(Plan):
    cdef Layout layout
    cdef Py_ssize_t delta


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
    cdef object params_owner
    cdef object attributes
    cdef object name
    cdef bint release_gil
    cdef TensorBase allocate(self)


@cython.final
cdef class PythonPlan(Plan):
    cdef Device device
    cdef tuple out_layouts
    cdef tuple in_layouts
    cdef bytes kinds
    cdef tuple fixes
    cdef object fn
    cdef dict attributes
    cdef tuple dynamic


@cython.final
cdef class PreparedPlan(Plan):
    cdef Device device
    cdef tuple out_layouts
    cdef bytes kinds
    cdef tuple fixes
    cdef object launch
    cdef tuple scratch


cdef int launch(NativePlan plan, tuple args, TensorBase single, object outs) except -1
cdef void store_scalar(object value, int code, double *slot) except *
cdef long long wrapped_int(object value) except? -1
cdef TensorBase make_view(TensorBase source, Layout layout, Py_ssize_t delta)
