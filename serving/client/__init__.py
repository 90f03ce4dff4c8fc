"""A client of TF Serving for what `dpt export` writes.

It needs numpy and pillow; for gRPC grpcio and protobuf, too. Neither TensorFlow nor `dpt_tf` is imported.
"""

from serving.client.errors import BadInput, ServerError
from serving.client.transfer import Client, Person
from serving.client.transport import Tls

__all__ = ["BadInput", "Client", "Person", "ServerError", "Tls"]
