"""How fast maps are read and stored, on one core: `python benchmarks/maps.py FOLDER`, a folder of IUV files."""

import argparse
import json
import pathlib
import time

from dpt_tf import iuv


def milliseconds(function, items, rounds=3):
    """Mean time of a call over `items`, in the fastest of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for item in items:
            function(item)
        best = min(best, time.perf_counter() - start)
    return 1000 * best / len(items)


def main():
    """Prints a line, and the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    files = [path.read_bytes() for path in sorted(parser.parse_args().folder.iterdir()) if path.is_file()]
    maps = [iuv.decode(data, "a map").iuv for data in files]
    measured = {
        "maps": len(maps),
        "decode_ms": round(milliseconds(lambda data: iuv.decode(data, "a map"), files), 3),
        "encode_ms": round(milliseconds(iuv.encode, maps), 3),
        "bytes_given": sum(map(len, files)) // len(files),
        "bytes_stored": sum(len(iuv.encode(each)) for each in maps) // len(maps),
    }
    print(
        "{maps} maps: decode {decode_ms} ms, encode {encode_ms} ms, {bytes_given} -> {bytes_stored} bytes a map".format(
            **measured
        )
    )
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
