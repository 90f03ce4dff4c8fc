"""One Predict request, from whichever API it came: checked, queued, run, counted, answered."""

import asyncio
import logging
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future

import grpc
import numpy as np
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.local_server import tensors, wire
from serving.local_server.batching import Batcher
from serving.local_server.failures import Refusal, refusal_of
from serving.local_server.monitoring import Metrics
from serving.local_server.servable import Prepared, Servable, Signature
from serving.local_server.versions import Models

log = logging.getLogger(__name__)
# Seconds between two looks at the end, and how many of them in a row must show no request.
STEP, QUIET = 0.02, 15
# Bytes beyond which a request is large. Of the others the queue's length bounds how many wait.
LARGE = 2**20


class Predictor:
    """Answers requests until it is told to stop taking them."""

    def __init__(self, models: Models, batcher: Batcher, metrics: Metrics, max_waiting: int = 2**28):
        """Closes none of them. Large requests may have `max_waiting` bytes together until they are answered."""
        self.models, self._batcher, self._metrics, self._max_waiting = models, batcher, metrics, max_waiting
        self.answering = self._waiting = 0
        self._stopping = False

    def hold(self, more: int, size: int = 0) -> None:
        """Counts `more` bytes of a request that has `size`; raises RESOURCE_EXHAUSTED where it is one too many.

        They count then, too, until as many are taken back.
        """
        self._waiting += more
        if size > LARGE and self._waiting > self._max_waiting:
            words = f"The requests that wait have {self._waiting} bytes with this one, and may have"
            raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{words} {self._max_waiting}: ask again")

    async def drain(self) -> None:
        """Refuses new requests, and returns when the accepted ones are answered.

        And a moment later: who has just been answered asks again, and is to hear UNAVAILABLE rather than be cut off.
        """
        self._stopping, quiet = True, 0
        while quiet < QUIET:
            await asyncio.sleep(STEP)
            quiet = 0 if self.answering else quiet + 1

    async def answer(self, asked: predict_pb2.PredictRequest, entrypoint: str, seconds: float | None = None) -> bytes:
        """A PredictResponse as bytes, at most `seconds` from now. Raises Refusal and nothing else but cancellation."""
        began, status, size, model = time.monotonic(), "OK", asked.ByteSize(), asked.model_spec.name
        coming: Future | None = None
        self.answering += 1
        try:
            self.hold(size, size)
            deadline = float("inf") if seconds is None else began + seconds
            coming = self.submit(asked, deadline)
            # Taken out of the future, which lives until the collector comes by: minutes of 20 MB each otherwise.
            return (await asyncio.wait_for(asyncio.wrap_future(coming), seconds)).pop()
        except TimeoutError:
            status = "DEADLINE_EXCEEDED"
            raise Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed while the request was run") from None
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        except Exception as error:
            traceback.clear_frames(error.__traceback__)  # where the request is, too
            refusal = refusal_of(error)
            status = refusal.code.name
            if refusal.code is grpc.StatusCode.INTERNAL:
                log.error("a request to model %s failed", model, exc_info=error)
            raise refusal from None
        finally:
            if coming is not None and status != "OK":
                coming.add_done_callback(_emptied)  # nobody will take the answer out
            del asked  # a refusal and this frame are a cycle, on which it would hang
            self.answering -= 1
            self.hold(-size)
            known = model if model in self.models.names else ""
            self._metrics.answered(known, status, entrypoint, time.monotonic() - began)

    def submit(self, asked: predict_pb2.PredictRequest, deadline: float) -> Future:
        """The response to come, alone in a list. The version that will answer is chosen now, and kept until it has."""
        if self._stopping:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "The server is shutting down")
        spec = asked.model_spec
        servable, release = self.models.lease(spec)
        try:
            signature = servable.signature(spec.signature_name)
            prepared = signature.prepare(asked)
            key = (id(signature), prepared.shapes) if prepared.rows else object()
            run = _Run(servable, signature)
            answer = self._batcher.submit(key, prepared.rows or 1, prepared, run, deadline)
        except BaseException:
            release()
            raise
        answer.add_done_callback(lambda _: release())
        return answer


def _emptied(answer: Future) -> None:
    if not answer.cancelled() and answer.exception() is None:
        answer.result().clear()


class _Run:
    """A signature's outputs as serialised responses, which say who answered, each in a list to be taken out of."""

    def __init__(self, servable: Servable, signature: Signature):
        self._signature = signature
        self._spec = model_pb2.ModelSpec(name=servable.name, signature_name=signature.name)
        self._spec.version.value = servable.version

    def __call__(self, batch: Sequence[Prepared]) -> list[list[bytes] | Exception]:
        return [self._response(answer) for answer in self._signature.run(batch)]

    def _response(self, answer: dict[str, np.ndarray] | Exception) -> list[bytes] | Exception:
        if isinstance(answer, Exception):
            return answer
        as_content = self._signature.limits.as_content
        outputs = {name: tensors.pieces(array, as_content) for name, array in answer.items()}
        return [wire.response(self._spec, outputs)]
