cdef class Layout:
    cdef readonly object shape
    cdef readonly tuple strides
    cdef readonly object dtype
    cdef readonly Py_ssize_t ndim
    cdef readonly Py_ssize_t numel
    cdef readonly Py_ssize_t itemsize
    cdef readonly Py_ssize_t nbytes
    cdef readonly bint dense
    cdef readonly bint floating
    cdef readonly int code
    cdef unsigned long long bits
    cdef object dropped
    cdef object __weakref__
