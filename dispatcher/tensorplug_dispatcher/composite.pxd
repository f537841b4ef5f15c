cimport cython
from tensorplug_dispatcher.call cimport OpFunction, all_ints, is_plain


@cython.final
cdef class Composite:
    cdef readonly object formula
    cdef OpFunction op
    cdef bint sizes
    cdef object write
    cdef dict renamed
    cdef dict __dict__
