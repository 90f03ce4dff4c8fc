"""The original's tensors -> the variables of `network`: torch's order to Keras', frozen batch norms into convolutions.

convolution        `[O, I, h, w] -> [h, w, I, O]`   transposed `[I, O, h, w] -> [h, w, O, I]`
dense              `[O, I] -> [I, O]`; the first one's inputs from (C, 7, 7) to (7, 7, C)
frozen batch norm  w / sqrt(var + 1e-5) on the kernel's outputs, b - mean w / sqrt(var + 1e-5) as bias
"""

from collections.abc import Callable, Iterator

import numpy as np

from dpt_tf.densepose.rcnn.architecture import OUTPUTS, POOLED, PREDICTOR, Architecture

_EPSILON = 1e-5


def fold(architecture: Architecture, read: Callable[[str], np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Every variable's name (`LAYER/VARIABLE`) and float32 values; `read` gives the original's tensor of a name."""
    tensors = architecture.tensors()
    for weight, shape in tensors.items():
        layer, _, kind = weight.rpartition(".")
        if kind != "weight" or layer.startswith(PREDICTOR) or f"{layer}.running_var" in tensors:
            continue
        if len(shape) == 1:
            yield f"{layer}/gamma", read(weight)
            yield f"{layer}/beta", read(f"{layer}.bias")
        elif f"{layer}.norm.running_var" in tensors:
            scale, shift = _frozen(*(read(f"{layer}.norm.{part}") for part in _FROZEN))
            kernel = read(weight).transpose(2, 3, 1, 0) * scale
            yield f"{layer}/kernel", kernel.astype(np.float32)
            yield f"{layer}/bias", shift.astype(np.float32)
        else:
            yield f"{layer}/kernel", _kernel(layer, read(weight))
            if f"{layer}.bias" in tensors:
                yield f"{layer}/bias", read(f"{layer}.bias")
    kernels = [read(f"{PREDICTOR}.{output}.weight") for output in OUTPUTS]
    yield f"{PREDICTOR}/kernel", np.concatenate(kernels, 1).transpose(2, 3, 1, 0)
    yield f"{PREDICTOR}/bias", np.concatenate([read(f"{PREDICTOR}.{output}.bias") for output in OUTPUTS])


_FROZEN = "weight", "bias", "running_mean", "running_var"


def _frozen(weight, bias, mean, variance) -> tuple[np.ndarray, np.ndarray]:
    scale = weight.astype(np.float64) / np.sqrt(variance.astype(np.float64) + _EPSILON)
    return scale, bias - mean * scale


def _kernel(layer: str, weight: np.ndarray) -> np.ndarray:
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    if layer.endswith("fc1"):
        outputs = len(weight)
        return weight.reshape(outputs, -1, POOLED, POOLED).transpose(2, 3, 1, 0).reshape(-1, outputs)
    return weight.T
