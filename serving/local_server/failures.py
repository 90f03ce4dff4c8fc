"""What a client is told when a request cannot be answered, and what a user is told when the server cannot start."""

import re

import grpc
import tensorflow as tf

CODES = {code.value[0]: code for code in grpc.StatusCode}

HTTP = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}

# Bytes. Details travel in HTTP/2 headers, of which a client takes 8 KiB, and there a byte may become three; names in a
# request may be of any length.
LONGEST = 2000


class BadStart(Exception):
    """The server cannot start. `str()` of it is the whole line: the file or the flag, and the remedy."""


class Refusal(Exception):
    """A request that is not answered: a gRPC status code and a sentence."""

    def __init__(self, code: grpc.StatusCode, message: str):
        """Cuts sentences that would not fit into a status."""
        text = message.encode(errors="replace")
        super().__init__(message if len(text) <= LONGEST else text[:LONGEST].decode(errors="ignore") + "...")
        self.code = code

    @property
    def http(self) -> int:
        """The HTTP status that TF Serving gives for the code."""
        return HTTP.get(self.code, 500)


def invalid(message: str) -> Refusal:
    """INVALID_ARGUMENT."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def refusal_of(error: BaseException) -> Refusal:
    """The refusal for whatever stopped a request; what is not the request's fault is INTERNAL."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, tf.errors.OpError):
        code = CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
        return Refusal(code, _plain(error.message))
    return Refusal(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")


def _plain(message: str) -> str:
    """The sentence of the op that refused, without what execution puts before and after it."""
    message = re.sub(
        r"\AGraph execution error:\s*(?:Detected at node .*?<stack traces unavailable>\s*)+", "", message, flags=re.S
    )
    message = re.sub(r"\A\d+ root error\(s\) found\.\s*\(0\) [A-Z_]+: ", "", message)
    message = re.sub(r"\s*\[\[\{\{node .*\Z", "", message, flags=re.S)
    return re.sub(r"\{\{function_node \S+\}\} ?|\s*\[Op:\S+\](?: name: \S*)?", "", message).strip()
