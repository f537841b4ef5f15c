cimport cython
from tensorplug_dispatcher.context cimport Context, current
from tensorplug_dispatcher.storage cimport Storage
from tensorplug_dispatcher.tensor cimport TensorBase


cdef class Scope:
    cdef list entered
    cdef bint immediate
    cdef bint named
    cdef bint tidies


@cython.final
cdef class in_context(Scope):
    cdef Context state


@cython.final
cdef class held:
    cdef object owner
    cdef object value
    cdef object before
    cdef str name


cdef class Restoring:
    cdef list entered
    cdef bint immediate


cdef object restored(Context now, Context before, Context after)
cdef list entered_of(Restoring block)
