cimport cython
from cpython.object cimport PyObject
from tensorplug_dispatcher.layout cimport Layout


cdef class Block
cdef class Bucket


cdef struct Link:  # of the ring of a device's live storages
    Link *previous
    Link *next


cdef struct Run:  # of the ring of the calls in work on a device; lies on the stack of its call
    Run *previous
    Run *next
    unsigned long thread


@cython.final
cdef class Bucket:
    cdef readonly Py_ssize_t nbytes
    cdef Block free
    cdef bint live


@cython.final
cdef class Device:
    cdef readonly str type
    cdef readonly int index
    cdef unsigned long long bits
    cdef public object runtime
    cdef public object plugin
    cdef public bint host
    cdef public bint pooled
    cdef public bint ready
    cdef public object state
    cdef public object reason
    cdef dict buckets
    cdef public Py_ssize_t allocated
    cdef public Py_ssize_t peak
    cdef public Py_ssize_t cached
    cdef public Py_ssize_t cache_limit
    cdef public Py_ssize_t allocations
    cdef Link storages
    cdef Run runs
    cdef Bucket bucket(self, Py_ssize_t nbytes)
    cdef Block acquire(self, Bucket bucket)
    cdef object __weakref__


@cython.final
cdef class at_work:
    cdef Device device
    cdef Run run


@cython.final
cdef class Block:
    cdef readonly object handle
    cdef readonly size_t ptr
    cdef readonly Py_ssize_t nbytes
    cdef Bucket bucket
    cdef Block next


@cython.final
cdef class Storage:
    cdef readonly Device device
    cdef Block block
    cdef readonly size_t ptr
    cdef public Py_ssize_t extent
    cdef unsigned long long bits
    cdef public unsigned int version
    cdef Link link
    cpdef object replace(self, Storage other)
    cdef object __weakref__


cdef class TensorBase:
    cdef Storage storage_
    cdef Layout layout_
    cdef Py_ssize_t offset_
    cdef unsigned long long bits
    cdef public object grad_fn_
    cdef public object base_
    cdef public object grad_
    cdef public object hooks_
    cdef public object handle_
    cdef public object quantizer_
    cdef public unsigned int output_nr
    cdef public unsigned int flags
    cdef public unsigned int base_version
    cdef object attributes
    cdef object __weakref__


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
    int PyObject_GenericSetAttr(object o, object name, object value) except -1
    unsigned long PyThread_get_thread_ident()
    void Py_DECREF_pointer "Py_DECREF"(PyObject *o)
    Py_ssize_t Py_REFCNT_pointer "Py_REFCNT"(PyObject *o)

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
cdef size_t link_offset
cdef object _CONTEXT
cdef tuple NO_ARGS
cdef unsigned long long _AUTOGRAD
cdef unsigned int _UNRECORDABLE

cdef Context current()
cdef unsigned long long tensor_bits(TensorBase tensor)
cdef Py_ssize_t size_class(Py_ssize_t nbytes)
cdef inline void begin_run(Device device, Run *run) noexcept:
    run.thread = PyThread_get_thread_ident()
    run.previous = &device.runs
    run.next = device.runs.next
    device.runs.next.previous = run
    device.runs.next = run


cdef inline void end_run(Run *run) noexcept:
    if run.next != NULL:  # else it is in no ring, or no longer
        run.previous.next = run.next
        run.next.previous = run.previous
        run.next = NULL


cdef void start_rings(Device device) noexcept
cdef void enlist(Storage storage) noexcept
cdef void delist(Storage storage) noexcept
cdef void release(Device device, Block block) noexcept
cdef Storage new_storage(Device device, Bucket bucket, Py_ssize_t extent)
cdef TensorBase wrap(Storage storage, Layout layout, Py_ssize_t offset)
