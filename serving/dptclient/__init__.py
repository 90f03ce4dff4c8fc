"""A client of TF Serving for what `dpt export` writes.

It needs numpy and pillow; for gRPC grpcio and protobuf, too. Neither TensorFlow nor `dpt_tf` is imported.
"""

from dptclient.doors import Tls
from dptclient.errors import BadInput, ServerError
from dptclient.transfer import Client

__all__ = ["BadInput", "Client", "ServerError", "Tls"]
