cdef long _number
