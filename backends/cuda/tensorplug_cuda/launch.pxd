cimport cython

ctypedef int (*launch_t)(
    void *function, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
    unsigned int, void *stream, void **arguments, void **extra,
) noexcept nogil


cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()


@cython.final
cdef class Buffer:
    cdef readonly int index
    cdef readonly size_t address
    cdef readonly Py_ssize_t nbytes
    cdef readonly object memory


cdef class Queue:
    cdef readonly int index
    cdef readonly size_t launch_address
    cdef readonly size_t status
    cdef public bint alone
    cdef public bint streamed
    cdef public list suspects
    cdef unsigned long thread
    cdef int start(self) except -2


@cython.final
cdef class Bound:
    cdef size_t function
    cdef unsigned int grid[3]
    cdef unsigned int lanes[3]
    cdef Py_ssize_t count
    cdef object template
    cdef size_t slots
    cdef tuple memory
    cdef tuple numbers
    cdef int launch(self, Queue queue, size_t stream, list operands, list offsets, list values) except? -1


@cython.final
cdef class Launcher:
    cdef readonly Queue queue
    cdef readonly object op
    cdef list bound
    cdef bint fallible
