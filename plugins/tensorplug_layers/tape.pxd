from tensorplug_dispatcher.call cimport OpFunction
from tensorplug_dispatcher.entries cimport Entry
from tensorplug_dispatcher.context cimport _HISTORY
from tensorplug_dispatcher.tensor cimport TensorBase, wrap
from tensorplug_layers.node cimport Node, Rule, SavedOutput, next_sequence

cdef unsigned int _REQUIRES_GRAD
cdef unsigned int _RETAINS_GRAD
cdef bint _anomaly


cdef class TapeEntry(Entry):
    cdef readonly Rule rule
    cdef readonly Entry inner


cdef class TruthEntry(Entry):
    cdef readonly OpFunction function
    cdef readonly Entry inner


cdef enum:  # as in tape.py
    LAST_NEED = 63

cdef object target_of(TensorBase tensor)
cdef tuple edge_of(TensorBase tensor)
cdef tuple edges_of(Rule rule, tuple args)
cdef unsigned long long needs_of(tuple edges)
cdef Node record(Rule rule, tuple args, tuple edges, unsigned long long needs, object out, unsigned int ahead)
