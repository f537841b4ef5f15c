"""The sizes at which the kernels change their paths, and the only place where they are written.

C gets every one as ``TP_NAME`` from ``generated/sizes.h``, which the build writes from this file;
``thresholds.py`` says which sizes of which op lie around them. Needs nothing but Python, so that the build
can read it.
"""

from __future__ import annotations

from typing import Final

# -- all kernels
MAX_DIMS: Final = 16  # dimensions after neighbours were joined
STREAM_BYTES: Final = 1 << 25  # results of cheap loops from this size on are written past the caches
VECTOR_BYTES: Final = 32  # of the vectors that are written out in C

# -- elementwise
ELEMENTWISE_GRAIN: Final = 32768  # elements below which one thread does it: about 10 us of adding
ELEMENTWISE_HEAVY_GRAIN: Final = 8192  # the same of exp and what is dearer
ELEMENTWISE_BUFFER_BYTES: Final = 16384  # all block buffers together, half of a first-level cache
ELEMENTWISE_SCRATCH: Final = 65536  # bytes; the most that the block buffers can need
ELEMENTWISE_LINE: Final = 64  # a block is a multiple of so many elements
ELEMENTWISE_LONGEST_BLOCK: Final = 2048
ELEMENTWISE_SHORTEST_BLOCK: Final = 256
ELEMENTWISE_ROW: Final = 256  # elements from which a row is worth blocks of its own

# -- movement
COPY_GRAIN_BYTES: Final = 1 << 17
COPY_BUFFER: Final = 4096  # bytes of a repeated pattern
COPY_SMALLEST_TILE: Final = 8  # a matrix with fewer rows or columns is not worth transposing by tiles
COPY_TILE_BYTES: Final = 64  # a side of a tile
CAT_MOST_PARTS: Final = 32  # pointers that a call may have, less the result and some

# -- products
PRODUCT_SMALL: Final = 256  # multiplications up to which plain loops are faster than a call of BLAS
PRODUCT_SMALLEST_TILE: Final = 64  # a side
PRODUCT_LARGEST_SIDE: Final = 1 << 24  # of what BLAS gets in one call
PRODUCT_SMALLEST_TASK: Final = 1 << 18  # multiplications; about 5 us
GEMM_INNER: Final = 64  # block of B in the plain loops of integers
GEMM_COLUMNS: Final = 256
GEMM_UNROLL: Final = 4  # terms that are added at once
HALVES_ROWS: Final = 192  # block of halves that is made float32
HALVES_COLUMNS: Final = 256
HALVES_INNER: Final = 384
BF16_SIDE: Final = 32  # squares of AMX and AVX512-BF16
BF16_PANEL: Final = 16
BF16_STEP: Final = 32
BF16_ROWS: Final = 128
BF16_COLUMNS: Final = 256
BF16_INNER: Final = 512
BF16_SMALLEST: Final = 1 << 15  # multiplications
ONEDNN_SMALLEST: Final = 1 << 14  # multiplications from which the 1 us that a primitive costs pays
ONEDNN_SMALLEST_SHARE: Final = 1 << 19  # multiplications that are worth a thread of their own
ONEDNN_MOST_TASKS: Final = 4096

# -- convolution
CONV_SCRATCH: Final = 1 << 18  # elements of columns that a thread has at a time
CONV_FEWEST: Final = 192  # pixels of a chunk
CONV_ROWS: Final = 256  # rows of a block of channels
CONV_COLUMNS: Final = 256  # columns from which images are not taken together
CONV_TASKS: Final = 8  # parts of the weight's gradient, whatever the number of threads
CONV_GRAIN: Final = 1 << 18  # multiplications

# -- pooling
POOL_COLUMNS: Final = 512  # results of a row that are folded together
POOL_FEW_COLUMNS: Final = 8  # fewer are folded one by one
POOL_GRAIN: Final = 16384
POOL_LANES: Final = 16  # sums side by side; float64: half as many
POOL_LARGEST_PLANE: Final = (1 << 31) - 1  # elements; places are counted in 32 bits within

# -- reductions
REDUCE_BLOCK: Final = 512  # elements gathered at a time; columns of a band
REDUCE_LONG_BLOCK: Final = 2048  # elements of a contiguous row at a time
REDUCE_SHORT_RUN: Final = 64  # shorter runs are gathered
REDUCE_SHORT_ROW: Final = 32  # rows up to this length are folded as columns
REDUCE_SHORT_ROWS: Final = 128  # so many at a time
REDUCE_UNITS: Final = 32  # work is cut into so many pieces, whatever the number of threads
REDUCE_PART: Final = 65536  # elements that a piece has at least

# -- normalization, softmax
NORM_BLOCK: Final = 2048  # elements whose sums are in the dtype
NORM_PIECE: Final = 1024  # elements that are written at a time
NORM_COLUMNS: Final = 256  # columns of a batch at a time
NORM_GRAIN: Final = 16384
NORM_PIECES: Final = (
    32  # work whose sums are joined is cut into about so many, whatever the number of threads
)
NORM_FEWEST_ROWS: Final = 8  # of a piece of layer_norm_backward
NORM_MOST_ROWS: Final = 1024
NORM_COLUMN_ROWS: Final = 64  # rows of a piece of a batch that is worked on by columns
NORM_SHORT_PLANE: Final = 64  # elements; batches of shorter planes are worked on by columns
NORM_LANES: Final = 32  # sums side by side; float64: half as many
NORM_CHANNEL_GRAIN: Final = 64  # channels below which one thread finishes the sums of a batch
SOFTMAX_COLUMNS: Final = 128
SOFTMAX_FEW_COLUMNS: Final = 16  # fewer are taken line by line
SOFTMAX_GRAIN: Final = 8192
SOFTMAX_LONGEST_BUFFERED_ROW: Final = 4096  # longer rows would not stay in the first-level cache

# -- scans, sorting
SCAN_BLOCK: Final = 256
SCAN_PIECE: Final = 65536
SCAN_FEW_LINES: Final = 8  # fewer lines are cut into pieces, where these are long
SCAN_LONG: Final = 4  # pieces from which a line is cut
SCAN_GRAIN: Final = 16384
SORT_FEW: Final = 40  # pairs up to which insertion is faster
SORT_PIECE: Final = 65536
SORT_MOST_PIECES: Final = 64
SORT_GRAIN: Final = 8192
SORT_LONGEST: Final = 1 << 32

# -- indexing
INDEX_MOST: Final = 16  # tensors of indices in a call
INDEX_FEW: Final = 16  # so few places are walked outside of the rows, even where they lie closer together
INDEX_GRAIN: Final = 16384
INDEX_BLOCK_BYTES: Final = 65536  # rows of more than two blocks are cut
INDEX_COLUMNS: Final = 64
INDEX_CHUNK: Final = 512  # places that are worked out at a time
INDEX_NARROW: Final = 8  # narrower rows are not shared among few threads

# -- random numbers
RANDOM_CHUNK: Final = 1024
RANDOM_GRAIN: Final = 16  # chunks

# -- quantized
DOT_PANEL: Final = 64  # positions
DOT_STEP: Final = 64  # bytes of k
DOT_ROWS: Final = 32
DOT_PANELS_A_THREAD: Final = 4  # panels from which each thread makes its own
DOT_MOST_TAPS: Final = 128  # of a convolution that is read from the image
DOT_FILL_BYTES: Final = 1 << 15  # of panels that are worth a thread of their own
DOT_TASK: Final = 1 << 20  # multiplications of a task
DOT_IMAGE_GRAIN: Final = 1 << 13  # pixels below which one thread lays four channels beside each other
DOT_MOST: Final = 65_000  # products of two bytes whose sum int32 holds
LEVELS_GRAIN: Final = 1 << 15
LEVELS_LANES: Final = 16
RANGE_CHUNK: Final = 1 << 15
RANGE_MOST_CHUNKS: Final = 1 << 10
WEIGHT_ROWS: Final = 16  # rows that are made numbers of at a time
WEIGHT_GRAIN: Final = 1 << 18
