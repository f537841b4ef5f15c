cimport cython
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.storage cimport Device, Storage, new_storage


cdef class TensorBase:
    cdef Storage storage_
    cdef Layout layout_
    cdef Py_ssize_t offset_
    cdef unsigned long long bits
    cdef object grad_fn_
    cdef object base_
    cdef object grad_
    cdef dict hooks_
    cdef dict slots
    cdef readonly unsigned int output_nr
    cdef unsigned int flags
    cdef unsigned int base_version
    cdef object attributes
    cdef object __weakref__


cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object o, object name, object value) except -1

cdef extern from *:
    """
    static inline PyObject *tensorplug_new(PyObject *cls, PyObject *args) {
        return ((PyTypeObject *)cls)->tp_new((PyTypeObject *)cls, args, NULL);
    }
    static inline void tensorplug_inherit_slots(PyObject *cls, PyObject *base) {
        *((PyTypeObject *)cls)->tp_as_number = *((PyTypeObject *)base)->tp_as_number;
    }
    """
    object tensorplug_new(object cls, object args)
    void tensorplug_inherit_slots(object cls, object base)

cdef object tensor_class
cdef tuple NO_ARGS
cdef unsigned int _UNRECORDABLE

cdef unsigned long long tensor_bits(TensorBase tensor)
cdef TensorBase wrap(Storage storage, Layout layout, Py_ssize_t offset)
