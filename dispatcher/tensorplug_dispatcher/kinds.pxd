cdef enum:
    TENSOR = 84
    OPTIONAL = 79
    LIST = 76
    NUMBER = 78
    NOTHING = 48
    ATTRIBUTE = 65
    SCALAR = 83
    DYNAMIC_FLOAT = 70
    DYNAMIC_INT = 73
    DYNAMIC_SCALAR = 86
    DEVICE = 68


cpdef object told_apart(object value)

cdef inline bint is_dynamic(int kind) noexcept:
    return kind == DYNAMIC_FLOAT or kind == DYNAMIC_INT or kind == DYNAMIC_SCALAR
