cimport cython
from cpython.object cimport PyObject
from tensorplug_dispatcher.context cimport Context


cdef class Block
cdef class Bucket

cdef enum:  # as in storage.py
    GRAIN = 64
    SMALL = 512
    STEPS = 16
    LARGEST_STEP = 65536


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


cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()
    Py_ssize_t Py_REFCNT_pointer "Py_REFCNT"(PyObject *o)

cdef size_t link_offset

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
