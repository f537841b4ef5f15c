"""What only C can ask of the interpreter: memory as a buffer, DLPack's capsules, an exception in another thread.

Compiled always, also under ``TENSORPLUG_PURE=1``: Python has no words for it.
"""

from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcmp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "Python.h":
    ctypedef void (*destructor_t)(PyObject *)
    object PyCapsule_New(void *pointer, const char *name, destructor_t destructor)
    void *PyCapsule_GetPointer(PyObject *capsule, const char *name) except? NULL
    bint PyCapsule_IsValid(PyObject *capsule, const char *name)
    int PyCapsule_SetName(PyObject *capsule, const char *name) except -1
    int PyThreadState_SetAsyncExc(unsigned long ident, PyObject *exception)


def raise_in_thread(ident, exception):
    """Raise ``exception`` (a class) in the thread ``ident`` when it next runs Python; False: there is none."""
    return PyThreadState_SetAsyncExc(ident, <PyObject *>exception) == 1


cdef class HostMemory:
    """``nbytes`` of memory at ``address`` with Python's buffer protocol, writable; keeps ``owner`` alive."""

    cdef void *address
    cdef Py_ssize_t nbytes
    cdef object owner

    def __init__(self, size_t address, Py_ssize_t nbytes, owner):
        self.address, self.nbytes, self.owner = <void *>address, nbytes, owner

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.address, self.nbytes, 0, flags)


def same_bytes(a, b):
    """Whether two contiguous buffers hold the same bytes; the GIL is let go meanwhile."""
    cdef Py_buffer one, other
    cdef bint same
    PyObject_GetBuffer(a, &one, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(b, &other, PyBUF_SIMPLE)
        try:
            with nogil:
                same = one.len == other.len and memcmp(one.buf, other.buf, one.len) == 0
        finally:
            PyBuffer_Release(&other)
    finally:
        PyBuffer_Release(&one)
    return same


# -- DLPack: https://dmlc.github.io/dlpack/latest/c_api.html

ctypedef void (*deleter_t)(void *) noexcept nogil

cdef struct DLTensor:
    void *data
    int32_t device_type, device_id, ndim
    uint8_t code, bits
    uint16_t lanes
    int64_t *shape
    int64_t *strides
    uint64_t byte_offset

cdef struct DLManagedTensor:
    DLTensor tensor
    void *context
    deleter_t deleter

cdef struct DLManagedTensorVersioned:
    uint32_t major, minor
    void *context
    deleter_t deleter
    uint64_t flags
    DLTensor tensor

cdef const char *NAME = "dltensor"
cdef const char *USED = "used_dltensor"
cdef const char *VERSIONED = "dltensor_versioned"
cdef const char *VERSIONED_USED = "used_dltensor_versioned"


cdef void delete(void *pointer) noexcept nogil:
    with gil:
        Py_DECREF(<object>(<DLManagedTensor *>pointer).context)
    PyMem_RawFree(pointer)


cdef void delete_versioned(void *pointer) noexcept nogil:
    with gil:
        Py_DECREF(<object>(<DLManagedTensorVersioned *>pointer).context)
    PyMem_RawFree(pointer)


cdef void drop_unused(PyObject *capsule) noexcept:
    """A capsule that nobody took frees what it holds."""
    if PyCapsule_IsValid(capsule, NAME):
        delete(PyCapsule_GetPointer(capsule, NAME))
    elif PyCapsule_IsValid(capsule, VERSIONED):
        delete_versioned(PyCapsule_GetPointer(capsule, VERSIONED))


def new_capsule(owner, address, shape, strides, kind, version, flags):
    """A capsule of host memory that keeps ``owner`` alive until its consumer is done; ``kind``: code and bits;
    ``version`` None: the form before DLPack 1.0, which has no ``flags``.
    """
    cdef Py_ssize_t i, ndim = len(shape)
    cdef size_t head = sizeof(DLManagedTensor) if version is None else sizeof(DLManagedTensorVersioned)
    cdef char *memory = <char *>PyMem_RawMalloc(head + 2 * ndim * sizeof(int64_t))
    cdef DLTensor *tensor
    if memory == NULL:
        raise MemoryError()
    try:
        if version is None:
            tensor = &(<DLManagedTensor *>memory).tensor
            (<DLManagedTensor *>memory).context = <void *>owner
            (<DLManagedTensor *>memory).deleter = delete
        else:
            tensor = &(<DLManagedTensorVersioned *>memory).tensor
            (<DLManagedTensorVersioned *>memory).major = version[0]
            (<DLManagedTensorVersioned *>memory).minor = version[1]
            (<DLManagedTensorVersioned *>memory).flags = flags
            (<DLManagedTensorVersioned *>memory).context = <void *>owner
            (<DLManagedTensorVersioned *>memory).deleter = delete_versioned
        tensor.data = <void *><size_t>address
        tensor.device_type, tensor.device_id, tensor.ndim = 1, 0, <int32_t>ndim
        tensor.code, tensor.bits, tensor.lanes = kind[0], kind[1], 1
        tensor.shape = <int64_t *>(memory + head)
        tensor.strides = tensor.shape + ndim
        tensor.byte_offset = 0
        for i in range(ndim):
            tensor.shape[i] = shape[i]
            tensor.strides[i] = strides[i]
        made = PyCapsule_New(memory, NAME if version is None else VERSIONED, drop_unused)
    except:
        PyMem_RawFree(memory)
        raise
    Py_INCREF(owner)
    return made


cdef class Exported:
    """What a capsule holds. ``version`` is None in the form before DLPack 1.0, ``strides`` where it gives none."""

    cdef readonly object version, flags, device_type, kind, lanes, address, shape, strides


def read_capsule(capsule):
    """What an unused capsule holds; None for anything else."""
    cdef PyObject *given = <PyObject *>capsule
    cdef DLManagedTensorVersioned *versioned
    cdef DLTensor *tensor
    cdef Exported found = Exported()
    if PyCapsule_IsValid(given, VERSIONED):
        versioned = <DLManagedTensorVersioned *>PyCapsule_GetPointer(given, VERSIONED)
        found.version, found.flags = (versioned.major, versioned.minor), versioned.flags
        if versioned.major != 1:  # what follows may lie elsewhere
            return found
        tensor = &versioned.tensor
    elif PyCapsule_IsValid(given, NAME):
        found.flags = 0
        tensor = &(<DLManagedTensor *>PyCapsule_GetPointer(given, NAME)).tensor
    else:
        return None
    found.device_type = tensor.device_type
    found.kind, found.lanes = (tensor.code, tensor.bits), tensor.lanes
    found.address = <size_t>tensor.data + tensor.byte_offset
    found.shape = tuple([tensor.shape[i] for i in range(tensor.ndim)])
    if tensor.strides != NULL:
        found.strides = tuple([tensor.strides[i] for i in range(tensor.ndim)])
    return found


cdef class Taken:
    """Keeps foreign memory until the last tensor over it is gone, then tells its owner."""

    cdef void *pointer
    cdef deleter_t deleter

    def __dealloc__(self):
        if self.deleter != NULL:
            self.deleter(self.pointer)


def take_capsule(capsule):
    """Use a capsule up, which ``read_capsule`` has read; what it gives keeps the memory alive."""
    cdef PyObject *given = <PyObject *>capsule
    cdef Taken taken = Taken()
    if PyCapsule_IsValid(given, VERSIONED):
        taken.pointer = PyCapsule_GetPointer(given, VERSIONED)
        PyCapsule_SetName(given, VERSIONED_USED)
        taken.deleter = (<DLManagedTensorVersioned *>taken.pointer).deleter
    else:
        taken.pointer = PyCapsule_GetPointer(given, NAME)
        PyCapsule_SetName(given, USED)
        taken.deleter = (<DLManagedTensor *>taken.pointer).deleter
    return taken
