cimport cython
from cpython.object cimport PyObject


@cython.final
cdef class Context:
    cdef readonly unsigned long long included
    cdef readonly unsigned long long excluded
    cdef readonly object default_device
    cdef readonly object host_policy
    cdef readonly bint grad_enabled
    cdef readonly bint inference
    cdef readonly object extra


cdef extern from "Python.h":
    int PyContextVar_Get(object var, PyObject *default, PyObject **value) except -1
    void Py_DECREF_pointer "Py_DECREF"(PyObject *o)

cdef object _CONTEXT
cdef unsigned long long _HISTORY
cdef unsigned long long _LAYERS

cdef Context current()
