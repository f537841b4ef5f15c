from tensorplug_dispatcher.call cimport Entry, OpFunction
from tensorplug_dispatcher.layout cimport Layout
from tensorplug_dispatcher.tensor cimport _AUTOGRAD, Context, Storage, TensorBase, current, wrap

cdef unsigned int _REQUIRES_GRAD


cdef class Node:
    cdef readonly Rule rule
    cdef public list edges
    cdef public object saved
    cdef tuple versions
    cdef object outputs
    cdef public object out_layouts
    cdef public object device
    cdef public object hooks
    cdef public object tensor_hooks
    cdef public object trace
    cdef readonly unsigned long long sequence
    cdef unsigned long long needs
    cdef bint freed
    cdef dict __dict__
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


cdef class TapeEntry(Entry):
    cdef readonly Rule rule
    cdef readonly Entry inner


cdef class SavedOutput:
    cdef Storage storage
    cdef Layout layout
    cdef Py_ssize_t offset
    cdef unsigned int version
    cdef unsigned int number


cdef object target_of(TensorBase tensor)
cdef list edges_of(Rule rule, tuple args)
cdef void add_edge(list edges, TensorBase tensor) except *
cdef unsigned long long needs_of(list edges)
cdef Node record(Rule rule, tuple args, list edges, unsigned long long needs, object out, unsigned int ahead)
cdef object fit(object grad, Layout layout)
