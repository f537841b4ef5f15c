cimport cython
from tensorplug_dispatcher.storage cimport Device, at_work
from tensorplug_dispatcher.tensor cimport TensorBase


cdef class closing:
    cdef list devices
    cdef list closed
    cdef bint held
    cdef object before


cdef class locked:
    cdef object what
    cdef bint held


cdef class working:
    cdef list devices
    cdef object op
    cdef list work


cdef class no_migration:
    cdef list work
