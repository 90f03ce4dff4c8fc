"""Runs a SavedModel through TensorFlow's C API and nothing else: `python c_runtime.py LIBRARIES MODEL FOLDER`.

As a server does, it has the C++ kernels and no Python: it imports ctypes and numpy. LIBRARIES is the folder of
libtensorflow_cc, MODEL a SavedModel. FOLDER/*.npz are requests, one a file: `signature` with its name, and its inputs;
strings as object arrays of bytes. Each gets an answer, FOLDER/NAME.answer.npz: the outputs, or `code` and `message`.
"""

import ctypes
import pathlib
import sys

import numpy as np

DTYPES = {1: np.float32, 3: np.int32, 4: np.uint8, 7: object, 9: np.int64, 10: np.bool_}
STRING = 7
STRING_BYTES = 24


class Output(ctypes.Structure):
    """TF_Output."""

    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class Buffer(ctypes.Structure):
    """TF_Buffer."""

    _fields_ = (("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("free", ctypes.c_void_p))


def open_library(folder):
    """The C API with the types of what it gives."""
    for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
        library = ctypes.CDLL(str(pathlib.Path(folder) / name), mode=ctypes.RTLD_GLOBAL)
    pointers = "NewStatus NewGraph NewSessionOptions NewBuffer LoadSessionFromSavedModel GraphOperationByName"
    pointers += " AllocateTensor TensorData StringGetDataPointer"
    for name in pointers.split():
        getattr(library, f"TF_{name}").restype = ctypes.c_void_p
    for name in ("TensorByteSize", "StringGetSize"):
        getattr(library, f"TF_{name}").restype = ctypes.c_size_t
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_Message.restype = ctypes.c_char_p
    return library


class Model:
    """A session of a SavedModel."""

    def __init__(self, tf, folder):
        """Loads it under the tag `serve`."""
        self.tf, self.graph, self.status = tf, pointer(tf.TF_NewGraph()), pointer(tf.TF_NewStatus())
        meta = pointer(tf.TF_NewBuffer())
        tags = (ctypes.c_char_p * 1)(b"serve")
        options, path = pointer(tf.TF_NewSessionOptions()), ctypes.c_char_p(str(folder).encode())
        session = tf.TF_LoadSessionFromSavedModel(options, None, path, tags, 1, self.graph, meta, self.status)
        self.session = pointer(session)
        code, message = self.said()
        if code:
            raise SystemExit(f"cannot load {folder}: {code} {message}")
        buffer = ctypes.cast(meta, ctypes.POINTER(Buffer)).contents
        self.signatures = signatures(ctypes.string_at(buffer.data, buffer.length))

    def said(self):
        """Code and message of the last call."""
        return self.tf.TF_GetCode(self.status), self.tf.TF_Message(self.status).decode()

    def place(self, name):
        """`operation:index` as a TF_Output."""
        operation, index = name.rsplit(":", 1)
        found = self.tf.TF_GraphOperationByName(self.graph, ctypes.c_char_p(operation.encode()))
        assert found, name
        return Output(found, int(index))

    def run(self, name, inputs):
        """The outputs of a signature, or `code` and `message`."""
        takes, gives = self.signatures[name]
        assert set(inputs) == set(takes), (set(inputs), set(takes))
        keys = sorted(gives)
        feeds = (Output * len(inputs))(*(self.place(takes[key]) for key in inputs))
        values = (ctypes.c_void_p * len(inputs))(*(to_tensor(self.tf, value).value for value in inputs.values()))
        fetches = (Output * len(keys))(*(self.place(gives[key]) for key in keys))
        got = (ctypes.c_void_p * len(keys))()
        self.tf.TF_SessionRun(
            self.session, None, feeds, values, len(inputs), fetches, got, len(keys), None, 0, None, self.status
        )
        code, message = self.said()
        if code:
            return {"code": np.array(code), "message": np.array(message)}
        return {key: from_tensor(self.tf, pointer(value)) for key, value in zip(keys, got, strict=True)}


def pointer(address):
    """An address as an argument: a bare int would be cut to 32 bits."""
    return ctypes.c_void_p(address)


def to_tensor(tf, array):
    """A TF_Tensor with a copy of the array."""
    kind = next(number for number, dtype in DTYPES.items() if array.dtype == dtype)
    size = array.size * STRING_BYTES if kind == STRING else array.nbytes
    dims = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = pointer(tf.TF_AllocateTensor(kind, dims, array.ndim, ctypes.c_size_t(size)))
    start = tf.TF_TensorData(tensor)
    if kind != STRING:
        ctypes.memmove(start, np.ascontiguousarray(array).ctypes.data, size)
        return tensor
    for i, text in enumerate(array.ravel()):
        place = pointer(start + i * STRING_BYTES)
        tf.TF_StringInit(place)
        tf.TF_StringCopy(place, ctypes.c_char_p(text), ctypes.c_size_t(len(text)))
    return tensor


def from_tensor(tf, tensor):
    """The array in a TF_Tensor."""
    shape = [tf.TF_Dim(tensor, i) for i in range(tf.TF_NumDims(tensor))]
    dtype, start = DTYPES[tf.TF_TensorType(tensor)], tf.TF_TensorData(tensor)
    if dtype is not object:
        data = ctypes.string_at(start, tf.TF_TensorByteSize(tensor))
        return np.frombuffer(data, dtype).reshape(shape)
    texts = np.empty(shape, object)
    for i in range(texts.size):
        place = pointer(start + i * STRING_BYTES)
        texts.ravel()[i] = ctypes.string_at(tf.TF_StringGetDataPointer(place), tf.TF_StringGetSize(place))
    return texts


def fields(message):
    """(number, value) of a serialized protocol buffer: bytes, or an int."""
    i = 0

    def varint():
        nonlocal i
        value = shift = 0
        while True:
            byte = message[i]
            i += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while i < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, message[i : i + length]
        i += length


def signatures(meta_graph):
    """`{name: ({input: tensor's name}, {output: tensor's name})}` of a serialized MetaGraphDef."""
    found = {}
    for number, entry in fields(meta_graph):
        if number == 5:  # signature_def: a map
            name, signature = dict_of(entry)
            sides = ({}, {})
            for side, tensor in fields(signature):
                if side in (1, 2):
                    key, info = dict_of(tensor)
                    sides[side - 1][key.decode()] = dict(fields(info))[1].decode()
            found[name.decode()] = sides
    return found


def dict_of(entry):
    """Key and value of an entry of a map."""
    parts = dict(fields(entry))
    return parts[1], parts.get(2, b"")


def main():
    """Answers every request of a folder."""
    libraries, model, folder = sys.argv[1:]
    loaded = Model(open_library(libraries), model)
    for path in sorted(pathlib.Path(folder).glob("*.npz")):
        with np.load(path, allow_pickle=True) as stored:
            request = dict(stored)
        answer = loaded.run(str(request.pop("signature")), request)
        np.savez(path.with_suffix(".answer.npz"), **answer)
    assert not {"tensorflow", "keras", "dpt_tf"} & set(sys.modules)


if __name__ == "__main__":
    main()
