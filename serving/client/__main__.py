"""Asks a server for pictures: a photo, its DensePose map and poses in, a PNG for each pose out.

Of a server whose export finds maps itself (`dpt export --pose`) photos will do: one of the person, and others of poses.

It speaks to TF Serving and to the local server alike, and imports neither TensorFlow nor `dpt_tf`.
A pose that cannot be used is named in a line and left out; the others are painted. Exit codes: 0 all are painted; 1 the
server gave no answer, or refused; 2 something that was given cannot be used. Pictures are written one by one, whole.
"""

import argparse
import io
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

import numpy as np

from serving.client import BadInput, Client, ServerError, Tls, framing, maps, naming
from serving.client.errors import one_line

__all__ = ["BadInput", "Client", "ServerError", "Tls", "main"]


_PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code; what is wrong goes to standard error, the paths of pictures to standard output."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # a letter that the terminal has not is spelt out
    args = _flags().parse_args(argv)
    try:
        return _run(args)
    except BadInput as error:
        return _tell(str(error), 2)
    except ServerError as error:
        return _tell(f"{args.server}: {error}", 1)
    except OSError as error:
        return _tell(
            f"{error.filename or args.output}: cannot be written ({error.strerror}); choose another --output", 2
        )


def _run(args: argparse.Namespace) -> int:
    photo = framing.read_photo(args.source)
    source_iuv = maps.read(args.source_iuv) if args.source_iuv else None
    poses = _poses(args.target_iuv, [".png"]) if args.target_iuv else _poses(args.target, _PHOTOS)
    outputs = dict(zip(poses, _outputs(args, poses), strict=True))
    left_out: list[pathlib.Path] = []
    with _client(args) as client:
        paint = _by_maps if args.target_iuv else _by_photos
        for pose, picture in paint(client, photo, source_iuv, poses, left_out):
            _save(outputs[pose], picture)
            print(one_line(str(outputs[pose])), flush=True)
    return 2 if left_out else 0


def _by_maps(
    client: Client,
    photo: np.ndarray,
    source_iuv: np.ndarray | None,
    poses: Sequence[pathlib.Path],
    left_out: list[pathlib.Path],
) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    taken: list[pathlib.Path] = []
    for picture in client.transfer(photo, source_iuv, _read(poses, taken, left_out)):
        # The client takes up to two poses before it paints the first.
        yield taken.pop(0), picture


def _by_photos(
    client: Client,
    photo: np.ndarray,
    source_iuv: np.ndarray | None,
    poses: Sequence[pathlib.Path],
    left_out: list[pathlib.Path],
) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    """A photo at a time: one in which nobody is found is left out."""
    for pose in poses:
        try:
            target = framing.read_photo(pose)
        except BadInput as error:
            _tell(str(error), 2)
            left_out.append(pose)
            continue
        try:
            (picture,) = client.transfer(photo, source_iuv, target_photos=[target])
        except ServerError as error:
            if error.code != "INVALID_ARGUMENT" or "source_bytes" in str(error):
                raise
            _tell(f"{pose}: {error}", 2)
            left_out.append(pose)
            continue
        yield pose, picture


def _client(args: argparse.Namespace) -> Client:
    tls = Tls(args.tls_ca, args.tls_cert, args.tls_key) if args.tls or args.tls_ca or args.tls_cert else None
    if bool(args.tls_cert) != bool(args.tls_key):
        raise BadInput("--tls_cert and --tls_key belong together: give both or none")
    return Client(args.server, args.model, args.version, args.label, tls, args.timeout, args.rest, args.retries)


def _poses(given: Sequence[pathlib.Path], suffixes: Sequence[str]) -> list[pathlib.Path]:
    """The files; of a folder all that end so, by name, and of a folder of photos not their maps. Raises BadInput."""
    poses = []
    for path in given:
        inside = [path]
        if path.is_dir():
            inside = [file for file in sorted(path.iterdir()) if file.suffix.lower() in suffixes]
            if suffixes is _PHOTOS:
                inside = [file for file in inside if naming.of_pose(file) == file.with_suffix(".png").name]
        if not inside:
            what = "photos" if suffixes is _PHOTOS else "DensePose maps"
            raise BadInput(
                f"{path}: no {'photo' if suffixes is _PHOTOS else 'PNG'} in this folder; give a folder of {what}"
            )
        poses += inside
    return poses


def _outputs(args: argparse.Namespace, poses: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """A file for each pose. Raises BadInput where two would be one, or one is written over what was given."""
    output, given = args.output, [args.source, *([args.source_iuv] if args.source_iuv else []), *poses]
    if naming.is_file_name(output):
        if len(poses) > 1 or len(args.target_iuv or args.target) > 1:
            raise BadInput(f"--output={output} is one picture but there are {len(poses)} poses; give a folder")
        files = [output]
    else:
        files = [output / naming.of_pose(pose) for pose in poses]
        given += [naming.beside(pose) for pose in poses]
    if name := naming.twice(files):
        raise BadInput(
            f"two of the poses have one file name, {name}; their pictures would overwrite each other: rename one"
        )
    given += [path for path in (args.tls_ca, args.tls_cert, args.tls_key) if path]
    if line := naming.refused(files, given):
        raise BadInput(line)
    return files


def _read(
    poses: Sequence[pathlib.Path], taken: list[pathlib.Path], left_out: list[pathlib.Path]
) -> Iterator[np.ndarray]:
    for pose in poses:
        try:
            iuv = maps.read(pose)
        except BadInput as error:
            left_out.append(pose)
            _tell(str(error), 2)
            continue
        taken.append(pose)
        yield iuv


def _save(path: pathlib.Path, picture: np.ndarray) -> None:
    data = framing.encode_as(path, picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".partial-{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def _tell(line: str, code: int) -> int:
    print(one_line(f"client: {line}"), file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what is wrong in one line rather than after a page of usage."""
        sys.exit(_tell(f"{message}; --help lists the flags", 2))


def _flags() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m serving.client", description=__doc__.partition("\n\n")[0], allow_abbrev=False)
    add, path = parser.add_argument, pathlib.Path
    add(
        "--server",
        default="127.0.0.1",
        help="host:port; without a port 8500, or 8501 with --rest (default %(default)s)",
    )
    add("--rest", action="store_true", help="speak REST instead of gRPC")
    add("--model", default="dpt", help="the model's name on the server (default %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--version", type=int, help="a version's number; default: the newest")
    which.add_argument("--label", help="a version's label, such as stable or canary")
    add("--source", type=path, required=True, help="the photo")
    add(
        "--source_iuv",
        type=path,
        help="its DensePose map, a PNG; needed unless the server's export finds maps (--pose)",
    )
    poses = parser.add_mutually_exclusive_group(required=True)
    poses.add_argument(
        "--target_iuv",
        type=path,
        nargs="+",
        action="extend",
        help="the poses to paint: PNG maps, or folders of them",
    )
    poses.add_argument(
        "--target",
        type=path,
        nargs="+",
        action="extend",
        metavar="PHOTO",
        help="instead: photos of people in the poses, or folders of them; for a server's export that finds maps",
    )
    add("--output", type=path, required=True, help="a folder, one picture a pose; or, for one pose, a picture's path")
    add(
        "--timeout", type=_seconds, default=60.0, help="seconds for each answer, retries included (default %(default)s)"
    )
    add("--retries", type=int, default=5, help="more attempts where the server is UNAVAILABLE (default %(default)s)")
    add("--tls", action="store_true", help="TLS; whom the system trusts is trusted")
    add("--tls_ca", type=path, help="TLS; trust this authority, a PEM file")
    add("--tls_cert", type=path, help="TLS; our own certificate, where the server asks for one")
    add("--tls_key", type=path, help="the certificate's key")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"it is a number above 0, this is {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
