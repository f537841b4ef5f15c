cimport cython
from libc.stdlib cimport free


cdef class HostBuffer:
    cdef public size_t ptr
    cdef public Py_ssize_t nbytes
    cdef public object owner
    cdef object __weakref__


@cython.final
cdef class OwnedBuffer(HostBuffer):
    pass
