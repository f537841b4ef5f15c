"""``save`` and ``load``: tensors and what holds them, as safetensors files; never pickle.

A file is a safetensors file (https://github.com/huggingface/safetensors#format): eight bytes with the
header's length, a JSON header that gives each tensor's dtype, shape and place, and the tensors' bytes,
little-endian. The header's metadata hold the structure around the tensors as JSON ("structure") and a CRC-32
of the tensors' bytes ("crc32"). Any reader of safetensors can read the tensors; a safetensors file of other
origin loads as a dict of its tensors.

The format is written and read here, rather than by the ``safetensors`` package, so that tensors stream one by
one between their own memory and the file, with bfloat16 and without NumPy.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections import OrderedDict

import tensorplug as tp
from tensorplug_dispatcher import dtypes
from tensorplug_dispatcher.dtypes import dtype_named
from tensorplug_dispatcher.errors import TensorplugError
from tensorplug_layers.quantization.quantizer import FLOAT8, quantizer_of, stored

from ._host import host_memory
from ._public import public
from .quantization._text import parts_of, with_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from tensorplug import Tensor

VERSION = "1"
VERSION_OF_VIEWS = "2"  # of files that hold views: older readers shall say so, rather than that it is damaged
HEADER_LIMIT = 100_000_000  # bytes; that of the safetensors package
CODES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
# What the format has beside these, in bits an element: such tensors are skipped, and named when asked for.
FOREIGN = {
    "U16": 16,
    "U32": 32,
    "U64": 64,
    "C64": 64,
    "C128": 128,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}
NAMES = {code: name for name, code in CODES.items()}


class SerializationError(TensorplugError):
    """Something could not be saved or loaded."""


class UnsupportedObjectError(SerializationError, TypeError):
    """``save`` was given something that is no tensor, number, string, None,
    nor a dict, list or tuple of these.
    """


class FileFormatError(SerializationError):
    """A file is truncated, damaged, or not in this format. ``path`` and ``reason`` say which and why."""

    def __init__(self, path: str, reason: str, advice: str = "save it again with tensorplug.save") -> None:
        super().__init__(f"cannot load '{path}': {reason}; {advice}")
        self.path = path
        self.reason = reason


class UnsupportedTensorError(SerializationError, TypeError, KeyError):
    """A tensor of a file was asked for whose dtype does not exist here."""

    __str__ = Exception.__str__  # KeyError's would quote the text


class TensorDict(dict):
    """The tensors of a file by name. ``unsupported`` maps the names of those whose dtype does not exist here
    to (dtype as the format calls it, shape); to ask for one raises UnsupportedTensorError.
    """

    def __init__(
        self, tensors: dict[str, Any], unsupported: dict[str, tuple[str, list[int]]], path: str
    ) -> None:
        super().__init__(tensors)
        self.unsupported = unsupported
        self.path = path

    def __missing__(self, name: str) -> Any:
        if name not in self.unsupported:
            raise KeyError(name)
        code, shape = self.unsupported[name]
        raise UnsupportedTensorError(
            f"tensor '{name}' of '{self.path}' has dtype {code} (shape {shape}), which does not exist here; "
            f"convert it where the file was made to one of {', '.join(NAMES)}. The file's other tensors "
            f"are loaded"
        )


# -- saving --------------------------------------------------------------------------------------------------


@public("function")
def save(obj: Any, f: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write ``obj`` to the path or the (seekable, binary) file ``f``.

    ``obj``: tensors, numbers, strings, None, dtypes, and dicts (with keys that are strings, numbers or None),
    lists and tuples of these, such as state dicts. Tensors of any device are written; one that occurs twice
    is written once, and a view of another one that is saved comes back as a view of it. A path is written as
    a whole or not at all: first beside it, then renamed; a link stays a link, a file that is there keeps its
    permissions, and what a killed save has left is removed. Raises UnsupportedObjectError with the place of
    what cannot be saved, and OSError. Source: torch.save.
    """
    tensors: dict[str, Tensor] = {}
    encoder = _Encoder(tensors)
    try:
        structure = encoder.encode(obj, ())
        json.dumps(structure)
    except RecursionError:
        raise UnsupportedObjectError(
            "cannot save obj: it holds itself, or is nested more deeply than Python's recursion limit; save "
            "a flat dict of its tensors"
        ) from None
    version = VERSION_OF_VIEWS if encoder.find_views() else VERSION
    if not isinstance(f, (str, os.PathLike)):
        _write(f, structure, tensors, version)
        return
    path = os.path.realpath(f)  # a link stays; the file that it names is replaced
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:  # a pipe or a device is written, not replaced; a folder is refused
            held = io.BytesIO()
            _write(held, structure, tensors, version)
            device.write(held.getbuffer())
        return
    _remove_leftovers(path)
    beside = _part(path, os.getpid(), os.urandom(4).hex())
    try:
        with open(beside, "xb") as file:
            if os.path.exists(path):
                os.chmod(beside, stat.S_IMODE(os.stat(path).st_mode))
            _write(file, structure, tensors, version)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def _part(path: str, process: int, number: str) -> str:
    """Where ``path`` is written before it is renamed: machine and process are in the name."""
    import zlib

    return f"{path}.{zlib.crc32(os.uname().nodename.encode()):08x}-{process}.{number}.part"


def _remove_leftovers(path: str) -> None:
    """Remove what saves to ``path`` by processes of this machine that were killed have left beside it."""
    import glob
    from contextlib import suppress

    for found in glob.glob(f"{glob.escape(path)}.*-*.*.part"):
        process, _, number = found.removesuffix(".part").rpartition("-")[2].partition(".")
        if process.isdecimal() and found == _part(path, int(process), number) and not _alive(int(process)):
            with suppress(OSError):  # gone meanwhile, or not ours to remove
                os.unlink(found)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _write(file: IO[bytes], structure: Any, tensors: dict[str, Tensor], version: str) -> None:
    import zlib

    order = sorted(tensors, key=lambda name: -tensors[name].element_size())  # keeps every tensor aligned
    places: dict[str, Any] = {}
    end = 0
    for name in order:
        tensor = tensors[name]
        start, end = end, end + tensor.numel() * tensor.element_size()
        places[name] = {
            "dtype": CODES[_dtype_name(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    metadata = {"format": "tensorplug", "version": version, "structure": json.dumps(structure)}
    begin = file.tell()
    file.write(_header(metadata, places, 0))
    checksum = 0
    for name in order:
        if tensors[name].numel():
            host = _levels(tensors[name].detach()).to("cpu").contiguous()
            view = host_memory(host)
            checksum = zlib.crc32(view, checksum)
            file.write(view)
    finish = file.tell()
    file.seek(begin)  # the checksum is known only now; the header keeps its length
    file.write(_header(metadata, places, checksum))
    file.seek(finish)


def _header(metadata: dict[str, str], places: dict[str, Any], checksum: int) -> bytes:
    entries = {"__metadata__": {**metadata, "crc32": f"{checksum:08x}"}, **places}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header


def _levels(tensor: Any) -> Any:
    """A tensor of floats of eight bits as its bytes, any other as it is."""
    if tensor.dtype.stored is None:
        return tensor
    return stored(tensor)


def _dtype_name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


class _Encoder:
    """Objects as JSON: what JSON has stays itself, the rest becomes ``{"kind": ...}``."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self.known: dict[Any, str] = {}
        self.entries: dict[str, list[dict[str, Any]]] = {}  # what was encoded of each tensor, by name
        self.storages: dict[int, list[str]] = {}  # the tensors that lie in each storage, by name

    def encode(self, value: Any, place: tuple[Any, ...]) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            finite = value - value == 0.0
            return float(value) if finite else {"kind": "float", "value": str(float(value))}
        if isinstance(value, tp.Tensor):
            return self.encode_tensor(value, place)
        if isinstance(value, dict):
            return self.encode_dict(value, place)
        if isinstance(value, (list, tuple)):
            items = [self.encode(item, (*place, i)) for i, item in enumerate(value)]
            return {"kind": "tuple", "items": items} if isinstance(value, tuple) else items
        if isinstance(value, tp.dtype):
            return {"kind": "dtype", "name": _dtype_name(value)}
        where = "".join(f"[{key!r}]" for key in place)
        raise UnsupportedObjectError(
            f"cannot save obj{where} of type {type(value).__module__}.{type(value).__qualname__}: files hold "
            "tensors, numbers, strings, None, dtypes, and dicts, lists and tuples of these; save "
            "state_dict() rather than the object itself"
        )

    def encode_dict(self, value: dict[Any, Any], place: tuple[Any, ...]) -> Any:
        items = []
        for key, item in value.items():
            if key is not None and not isinstance(key, (str, int, float)):
                where = "".join(f"[{part!r}]" for part in place)
                raise UnsupportedObjectError(
                    f"cannot save the key {key!r} of obj{where}: keys are strings, "
                    f"numbers or None, not {type(key).__name__}"
                )
            items.append([self.encode(key, place), self.encode(item, (*place, key))])
        encoded: dict[str, Any] = {"kind": "dict", "items": items}
        if isinstance(value, OrderedDict):
            encoded["ordered"] = True
            metadata = getattr(value, "_metadata", None)
            if metadata is not None:
                encoded["metadata"] = self.encode(metadata, (*place, "_metadata"))
        return encoded

    def encode_quantized(self, tensor: Tensor, place: tuple[Any, ...]) -> Any:
        parts, rest = parts_of(tensor)
        encoded = {name: self.encode_tensor(part, (*place, name)) for name, part in parts.items()}
        made: dict[str, Any] = {"kind": "quantized", "parts": encoded, "rest": rest}
        if isinstance(tensor, tp.nn.Parameter):
            made["parameter"] = True
        return made

    def encode_tensor(self, tensor: Tensor, place: tuple[Any, ...]) -> Any:
        if tensor.dtype.stored is not None and not _is_plain_float8(tensor):
            return self.encode_quantized(tensor, place)
        storage = tensor.storage  # the tensor is kept, and so its identity is
        identity = (
            id(storage),
            tensor.storage_offset(),
            tuple(tensor.shape),
            tuple(tensor.stride()),
            tensor.dtype,
        )
        name = self.known.get(identity) if tensor.numel() else None
        if name is None:
            name = ".".join(str(part) for part in place) or "tensor"
            while name in self.tensors or name == "__metadata__":
                name += "_"
            self.tensors[name] = tensor
            self.known[identity] = name
            if tensor.numel():
                self.storages.setdefault(id(storage), []).append(name)
        encoded: dict[str, Any] = {"kind": "tensor", "name": name}
        self.entries.setdefault(name, []).append(encoded)
        if isinstance(tensor, tp.nn.Parameter):
            encoded["parameter"] = True
        if tensor.requires_grad:
            encoded["requires_grad"] = True
        return encoded

    def by_extent(self, name: str) -> tuple[int, bool]:
        """Sorts a base before its views."""
        tensor = self.tensors[name]
        return -_extent(tensor)[1], not _is_dense(tensor)

    def find_views(self) -> bool:
        """Leave out of ``tensors`` what lies within another one of the same memory, and note it as its view;
        says whether there is any.
        """
        found = False
        for names in self.storages.values():
            wholes: list[str] = []
            for name in sorted(names, key=self.by_extent):
                tensor = self.tensors[name]
                base = next((b for b in wholes if _holds(self.tensors[b], tensor)), None)
                if base is None:
                    wholes.append(name)
                    continue
                offset = tensor.storage_offset() - self.tensors[base].storage_offset()
                for encoded in self.entries[name]:
                    layout = {"shape": list(tensor.shape), "stride": list(tensor.stride()), "offset": offset}
                    encoded.update(kind="view", name=base, **layout)
                del self.tensors[name]
                found = True
        return found


def _is_plain_float8(tensor: Any) -> bool:
    """Whether a tensor of a quantized dtype has no scale and nothing else that a file would have to hold."""
    if tensor.dtype not in FLOAT8:
        return False
    quantizer = quantizer_of(tensor)
    return quantizer.recipe is None and quantizer.number is tp.float32


def _extent(tensor: Any) -> tuple[int, int]:
    """The first element's place in its storage, and how many elements it spans from there."""
    last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride()))
    return tensor.storage_offset(), last + 1


def _is_dense(tensor: Any) -> bool:
    return bool(tensor.is_contiguous())


def _holds(base: Any, tensor: Any) -> bool:
    """Whether ``tensor`` can be seen in the elements of ``base`` as a file holds them: row by row."""
    (start, count), (first, length) = _extent(base), _extent(tensor)
    within = start <= first and first + length <= start + count
    same = base.dtype is tensor.dtype and min(tensor.stride(), default=0) >= 0
    return within and same and _is_dense(base)


# -- loading -------------------------------------------------------------------------------------------------


@public("function")
def load(
    f: str | os.PathLike[str] | IO[bytes], map_location: Any = None, *, weights_only: bool = True
) -> Any:
    """What ``save`` wrote to the path or the binary file ``f``;
    a dict of tensors for any other safetensors file.

    Tensors of such a file whose dtype does not exist here are left out and listed in the dict's
    ``unsupported``; asking for one raises UnsupportedTensorError. ``map_location``: the device for the
    tensors (None: the host, whichever device they were on).
    ``weights_only`` changes nothing: files hold no code. Raises FileFormatError with path and reason for a
    file that is truncated, damaged (by its checksum) or foreign, and OSError. Source: torch.load.
    """
    if not isinstance(f, (str, os.PathLike)):
        data = f.read()
        return _read(io.BytesIO(data), len(data), str(getattr(f, "name", "<stream>")), map_location)
    path = os.fspath(f)
    with open(path, "rb") as file:
        return _read(file, os.fstat(file.fileno()).st_size, str(path), map_location)


def _read(file: Any, size: int, path: str, map_location: Any) -> Any:
    header, begin = _read_header(file, size, path)
    metadata = header.pop("__metadata__", {})
    order = _checked_places(header, size - begin, path)
    import zlib

    tensors = {}
    unsupported: dict[str, tuple[str, list[int]]] = {}
    checksum = 0
    for name in order:
        place = header[name]
        if place["dtype"] not in NAMES:
            unsupported[name] = (place["dtype"], place["shape"])
            start, end = place["data_offsets"]
            checksum = _skip(file, end - start, checksum, path, name)
            continue
        dtype = dtype_named(NAMES[place["dtype"]])
        tensor = tp.empty(tuple(place["shape"]), dtype=dtype.stored or dtype, device="cpu")
        if tensor.numel():
            view = host_memory(tensor)
            if file.readinto(view) != len(view):
                raise FileFormatError(path, f"it ended while tensor '{name}' was read", "get the whole file")
            checksum = zlib.crc32(view, checksum)
        tensors[name] = tensor if dtype.stored is None else tensor.view(dtype)
    wanted = metadata.get("crc32")
    if wanted is not None and wanted != f"{checksum:08x}":
        raise FileFormatError(
            path,
            f"it is damaged: the tensors' CRC-32 is {checksum:08x}, the header says {wanted}",
            "restore it from a copy",
        )
    if map_location is not None:
        tensors = {name: tensor.to(map_location) for name, tensor in tensors.items()}
    structure = metadata.get("structure")
    loaded = TensorDict(tensors, unsupported, path) if unsupported else tensors
    if structure is None or metadata.get("format") != "tensorplug":
        return loaded
    if metadata.get("version") not in (VERSION, VERSION_OF_VIEWS):
        raise FileFormatError(
            path,
            f"its format version is {metadata.get('version')!r}, this library reads {VERSION!r} and "
            f"{VERSION_OF_VIEWS!r}",
            "load it with the version of tensorplug that wrote it",
        )
    try:
        return _decode(json.loads(structure), loaded)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FileFormatError(path, f"its structure is damaged ({type(error).__name__}: {error})") from error


def _skip(file: Any, count: int, checksum: int, path: str, name: str) -> int:
    """Read past ``count`` bytes; returns the checksum with them."""
    import zlib

    while count:
        part = file.read(min(count, 1 << 20))
        if not part:
            raise FileFormatError(path, f"it ended while tensor '{name}' was read", "get the whole file")
        checksum = zlib.crc32(part, checksum)
        count -= len(part)
    return checksum


def _read_header(file: Any, size: int, path: str) -> tuple[dict[str, Any], int]:
    start = file.read(8)
    if len(start) < 8:
        raise FileFormatError(
            path, f"it has only {size} bytes, too few for a safetensors header", "get the whole file"
        )
    length = int.from_bytes(start, "little")
    if length > HEADER_LIMIT or length < 2:
        if start.startswith((b"PK\x03\x04", b"\x80")):
            raise FileFormatError(
                path,
                "it is a pickle or a zip archive, as torch.save writes, which can run code",
                "convert it where you trust it, with safetensors.torch.save_file",
            )
        raise FileFormatError(path, f"it is no safetensors file: the header's length would be {length} bytes")
    if 8 + length > size:
        raise FileFormatError(
            path, f"it is truncated: the header has {length} bytes, the file {size}", "get the whole file"
        )
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(path, f"it is no safetensors file: its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise FileFormatError(
            path, f"it is no safetensors file: its header is a {type(header).__name__}, not a dict"
        )
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError(path, "its metadata are damaged: they must map names to strings")
    return header, 8 + length


def _checked_places(header: dict[str, Any], available: int, path: str) -> list[str]:
    """The tensors' names by their place in the file, after checking that they fill it without holes."""
    for name, place in header.items():
        try:
            shape, (start, end) = place["shape"], place["data_offsets"]
            code = place["dtype"]
            valid = all(isinstance(n, int) and n >= 0 for n in (*shape, start, end))
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(path, f"the entry of tensor '{name}' is damaged ({error!r})") from error
        if not valid:
            raise FileFormatError(path, f"tensor '{name}' has shape {shape} and place {start} to {end}")
        if not isinstance(code, str):
            raise FileFormatError(path, f"the entry of tensor '{name}' is damaged: its dtype is {code!r}")
        if code in NAMES:
            bits = dtype_named(NAMES[code]).itemsize * 8
        elif code in FOREIGN:
            bits = FOREIGN[code]
        else:  # newer than this library: what lies there is nobody's to say
            continue
        for n in shape:
            bits *= n
        size = -(-bits // 8)
        if end - start != size:
            raise FileFormatError(
                path,
                f"tensor '{name}' of shape {shape} and dtype {code} needs {size} "
                f"bytes, but its place has {end - start}",
            )
    order = sorted(header, key=lambda name: header[name]["data_offsets"])
    reached = 0
    for name in order:
        start, end = header[name]["data_offsets"]
        if start != reached:
            raise FileFormatError(
                path, f"tensor '{name}' starts at byte {start}, the one before ends at {reached}"
            )
        reached = end
    if reached != available:
        what = "truncated" if reached > available else "too long"
        raise FileFormatError(
            path,
            f"it is {what}: the tensors have {reached} bytes, the file has {available} for them",
            "get the whole file",
        )
    return order


def _view_of(base: Any, shape: list[int], stride: list[int], offset: int) -> Any:
    """A view that a file describes; raises ValueError where it would leave its base."""
    numbers = (*shape, *stride, offset)
    if not all(isinstance(n, int) and n >= 0 for n in numbers) or len(shape) != len(stride):
        raise ValueError(f"a view of shape {shape}, stride {stride} and offset {offset}")
    if offset + sum((n - 1) * s for n, s in zip(shape, stride)) >= base.numel() or 0 in shape:
        raise ValueError(f"a view of shape {shape}, stride {stride} and offset {offset} leaves its base")
    return base.as_strided(tuple(shape), tuple(stride), offset)


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value["kind"]
    if kind in ("tensor", "view"):
        tensor = tensors[value["name"]]
        if kind == "view":
            tensor = _view_of(tensor.detach(), value["shape"], value["stride"], value["offset"])
        requires_grad = value.get("requires_grad", False)
        if value.get("parameter"):
            return tp.nn.Parameter(tensor, requires_grad=requires_grad)
        return tensor.detach().requires_grad_() if requires_grad else tensor
    if kind == "quantized":
        parts = {name: _decode(part, tensors) for name, part in value["parts"].items()}
        whole = with_parts(tp.Tensor, parts, value["rest"])
        return tp.nn.Parameter(whole, requires_grad=False) if value.get("parameter") else whole
    if kind == "dict":
        items = [(_decode(key, tensors), _decode(item, tensors)) for key, item in value["items"]]
        if not value.get("ordered"):
            return dict(items)
        ordered = OrderedDict(items)
        if "metadata" in value:
            ordered._metadata = _decode(value["metadata"], tensors)  # type: ignore[attr-defined]
        return ordered
    if kind == "tuple":
        return tuple(_decode(item, tensors) for item in value["items"])
    if kind == "float":
        return float(value["value"])
    if kind == "dtype":
        found = {d.name: d for d in vars(dtypes).values() if isinstance(d, tp.dtype)}.get(value["name"])
        if found is None:
            raise ValueError(f"{value['name']!r} is no dtype")
        return found
    raise ValueError(f"unknown kind {kind!r}")
