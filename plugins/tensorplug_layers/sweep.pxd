from tensorplug_dispatcher.storage cimport Device, PyThread_get_thread_ident, Run, begin_run, end_run
from tensorplug_dispatcher.tensor cimport TensorBase
from tensorplug_layers.node cimport Node


cdef struct Turn:  # of the list of the leaves that somebody adds to; lies on the stack of its call
    void *leaf
    unsigned long thread
    Turn *previous
    Turn *next


cdef bint _anomaly
cdef bint _check_nan
cdef Turn *first_turn

cdef inline void begin_turn(TensorBase leaf, Turn *turn) noexcept:
    global first_turn
    turn.leaf = <void *>leaf
    turn.thread = PyThread_get_thread_ident()
    turn.previous = NULL
    turn.next = first_turn
    if first_turn != NULL:
        first_turn.previous = turn
    first_turn = turn


cdef inline void end_turn(Turn *turn) noexcept:
    global first_turn
    if turn.previous == NULL:
        first_turn = turn.next
    else:
        turn.previous.next = turn.next
    if turn.next != NULL:
        turn.next.previous = turn.previous


cdef void deliver(object target, object number, object gradient, dict pending, list heap) except *
cdef object beside(TensorBase tensor, TensorBase gradient)
cdef object give_leaf(
    TensorBase leaf, object gradient, bint alone, bint create_graph, object watched, object wanted
)
cdef object accumulate(TensorBase leaf, object gradient, bint alone, bint create_graph, object hooks)
cdef Device when_free(TensorBase leaf)
cdef bint taken(TensorBase leaf) noexcept
cdef object add_to(TensorBase leaf, object gradient, bint alone, bint create_graph)
