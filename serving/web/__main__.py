"""The web page: `python -m serving.web` shows it on http://127.0.0.1:7860 with the model that comes with dpt_tf.

Nothing is fetched from elsewhere, nothing is sent elsewhere; uploads lie in a folder that goes when the page ends.
SIGINT or SIGTERM ends it. Exit codes: 0 stopped; 2 it could not start, and one line says why.
"""

import argparse
import contextlib
import logging
import os
import pathlib
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from serving.web.estimating import Maps

_EXAMPLES = 256  # pixels, at least, of the people and poses that are ready: photos to look at
_PATIENCE = 1  # seconds that an open answer has, once the page is told to end


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Shows the page until a signal, and exits."""
    args = _flags().parse_args(argv)
    for name in ("model", "pose", "host"):
        if (value := getattr(args, name)) is not None and not value.strip():
            _refuse(f"--{name} is empty; give it a value, or leave it out")
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: sys.exit(0))
    from dpt_tf.system.errors import UserError

    try:
        with (
            _bound(args.host, args.port) as listening,
            _own_folder() as folder,
            contextlib.suppress(SystemExit),  # of a signal
        ):
            _show(args, listening, folder)
    except UserError as error:
        _refuse(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(f"{error.filename}: {error.strerror}")
    # A picture may be painted in a thread, which can neither be stopped nor outlive the interpreter.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


@contextlib.contextmanager
def _own_folder() -> Iterator[pathlib.Path]:
    """A folder for all temporary files, so that what is still being uploaded when the page ends goes with it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="dpt_web_", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield pathlib.Path(folder)
        finally:
            tempfile.tempdir = before


def _show(args: argparse.Namespace, listening: socket.socket, folder: pathlib.Path) -> None:
    """Loads the model and serves; what is uploaded and what gradio makes of it lies in `folder`."""
    from dpt_tf.system import quiet
    from dpt_tf.system.errors import UserError

    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(folder / "uploads"), "DO_NOT_TRACK": "1"}
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import gradio  # noqa: F401 (that it is there)
        import uvicorn
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed; the page needs it: pip install -e '.[web]'") from None
    quiet.start_tensorflow()
    from PIL import Image

    from dpt_tf import shipped
    from dpt_tf.densepose import choosing
    from dpt_tf.transfer import painter
    from serving.web import application
    from serving.web.clicks import Clicks

    warnings.simplefilter("error", Image.DecompressionBombWarning)  # becomes the sentence of a picture too large
    choosing.refuse_unknown(args.pose)  # before seconds go into loading the model
    model = painter.load(args.model or shipped.folder())
    maps, told = _maps(args.pose)
    clicks = Clicks(model, max(model.image_size, _EXAMPLES), folder / "people", maps)
    clicks.warm_up()
    app = application.build(clicks, args.host, args.port)

    class Server(uvicorn.Server):
        async def shutdown(self, sockets=None) -> None:
            """Ends; that open answers are cut off is no error then."""
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await app.leave()
            await super().shutdown(sockets)

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_PATIENCE)
    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"{args.model or shipped.DEFAULT} on http://{host}:{listening.getsockname()[1]}\n{told}", flush=True)
    Server(config).run(sockets=[listening])


def _maps(pose: str | None) -> "tuple[Maps, str]":
    """Who makes the maps of photos, and a line about it; without `pose` the page does without where nobody can.

    Raises:
      UserError: what `pose` names cannot be had.
    """
    from dpt_tf import shipped
    from dpt_tf.densepose import choosing, small
    from dpt_tf.system.errors import UserError
    from serving.web.estimating import Maps

    try:
        estimator = choosing.open_estimator(pose)
    except UserError as error:
        if pose is not None:
            raise
        why = f"cannot be used ({error})" if small.DEFAULT in shipped.names() else "is not in this installation"
        return Maps(), f"photos need their maps: the small network that makes them {why}; --pose=NAME takes another"
    return Maps(estimator), f"maps of photos by {estimator.name}"


def _bound(host: str, port: int) -> socket.socket:
    """A socket at the address, before seconds go into loading a model.

    Raises:
      UserError: the port is in use, or the host is not this machine's.
    """
    from dpt_tf.system.errors import UserError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    if os.name == "posix":  # elsewhere it would let two pages have one port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # of two that are bound, the second one is only refused here
    except (OSError, TypeError, UnicodeError) as error:  # Python's own, of a name that is no host's
        listening.close()
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise UserError(f"{host}:{port} cannot be used ({reason}); give another --port or --host") from None
    return listening


def _refuse(line: str) -> NoReturn:
    from dpt_tf.system.errors import one_line

    print(one_line(f"web: {line}"), file=sys.stderr)
    sys.exit(2)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line rather than after a page of usage."""
        _refuse(f"{message}; --help lists the flags")


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value < 65536:
        raise argparse.ArgumentTypeError(f"ports are 0 to 65535, this is {value}")
    return value


def _flags() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m serving.web", description=__doc__.partition("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--model", help="a run, an export or a shipped model (default people)")
    parser.add_argument(
        "--pose",
        metavar="small|NAME|FILE",
        help="who makes the maps of photos: the small network that ships (default), a published one, or weights",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address; 0.0.0.0 lets other machines in (default %(default)s)"
    )
    parser.add_argument("--port", type=_port, default=7860, help="0: any that is free (default %(default)s)")
    return parser


if __name__ == "__main__":
    main()
