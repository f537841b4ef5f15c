from tensorplug_dispatcher.call cimport OpFunction
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.context cimport _HISTORY
from tensorplug_dispatcher.storage cimport Storage
from tensorplug_dispatcher.tensor cimport TensorBase, wrap


cdef class Node:
    cdef readonly Rule rule
    cdef public tuple edges
    cdef public object saved
    cdef tuple versions
    cdef object outputs
    cdef public object out_layouts
    cdef public object hooks
    cdef public object tensor_hooks
    cdef public object trace
    cdef readonly unsigned long long sequence
    cdef unsigned long long needs
    cdef bint freed
    cdef object __weakref__
    cpdef list apply(self, list grads)


cdef class Rule:
    cdef readonly OpFunction function
    cdef readonly object op
    cdef readonly str name
    cdef tuple positions
    cdef tuple formulas
    cdef object joint
    cdef tuple joint_sources
    cdef dict saves
    cdef unsigned long long last_needs
    cdef tuple last_saves
    cdef bint two
    cdef bint one
    cdef bint has_lists
    cdef bint dims
    cdef int n_outputs
    cdef tuple saves_for(self, unsigned long long needs)


cdef class SavedOutput:
    cdef Storage storage
    cdef Layout layout
    cdef Py_ssize_t offset
    cdef unsigned int version
    cdef unsigned int number


cdef unsigned long long _sequence

cdef unsigned long long next_sequence() noexcept
cdef object fit(object grad, Layout layout)
cpdef list apply_rule(Node node, list grads)
cdef list values(Node node, tuple sources, list grads, object args, dict outputs, object needs)
