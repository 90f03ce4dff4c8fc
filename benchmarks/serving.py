"""Latency and throughput of serving over concurrency 1 to 32, against the bare SavedModel call in the same run.

  python benchmarks/serving.py [--preset paper] [--model_base_path=models/dpt] [--measure=overhead,soak]

overhead      each signature at batch 1: the bare call in this process, then the same over gRPC to a server in another
              process, in turn, with the typed fields and with tensor_content. `over` is the median of the ratios round
              by round less 1, `fastest` that of the fastest calls; both to the message, `with arrays` to what
              `tf.make_ndarray` makes of it.
concurrency   clients without a pause: one by one against batching, in turn (AB, BA, ...), and the bare call in one
              thread and in one for each core.
soak          16 clients for --soak seconds, of whom each knows what it is to get: mistakes, and the server's memory.
replace       under the same load version 2 takes over from version 1, which is removed: mistakes, and memory.
stop          SIGTERM under the same load: mistakes, exit code, seconds.

The last three are done one by one and with batching. Without --model_base_path an export of the preset's sizes with
random weights is made in a temporary folder. Prints tables and one line of JSON.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from functools import partial

import serving_parts as parts
import serving_soak
import tensorflow as tf

CONFIG = parts.SERVING / "configs" / "batching.config"
CONTENT = "--enable_serialization_as_tensor_content"


def overhead(base: pathlib.Path, bare: parts.Bare, names: list[str], seconds: float) -> dict:
    """{signature: {way: {bare_ms, over, fastest_over, with_arrays_over, ms, with_arrays_ms}}}."""
    found: dict = {}
    print(f"{'signature':17}{'bare ms':>9}{'way':>16}{'over':>8}{'fastest':>9}{'ms':>9}{'with arrays':>13}{'ms':>9}")
    for way, flags in {"typed fields": [], "tensor_content": [CONTENT]}.items():
        with parts.Server(base, *flags) as server:  # one at a time: a second one would hold pages and caches
            call = server.predict()
            for name in names:
                inputs = bare.inputs(name, 1)
                request, given = parts.request(name, inputs), parts.tensors(inputs)
                rows = paired({"bare": partial(bare, name, given), way: partial(call, request)}, seconds)
                found.setdefault(name, {})[way] = row = compared(rows, way)
                print(
                    f"{name:17}{row['bare_ms']:9.1f}{way:>16}{row['over']:8.1%}{row['fastest_over']:9.1%}"
                    f"{row['ms']:9.1f}{row['with_arrays_over']:13.1%}{row['with_arrays_ms']:9.1f}   {len(rows)} rounds",
                    flush=True,
                )
    return found


def paired(calls: dict, seconds: float) -> list[dict]:
    """Rounds of every call once, every second one backwards: {call: (ms, ms with the reading of a response)}."""
    rows: list[dict] = []
    end = float("inf")
    while time.perf_counter() < end or len(rows) < 7:
        if len(rows) == 2 and end == float("inf"):  # two rounds to warm up
            rows, end = [], time.perf_counter() + seconds
        row = {}
        for way in list(calls) if len(rows) % 2 else list(calls)[::-1]:
            sent, answer = parts.timed(calls[way])
            read = 0.0 if way == "bare" else parts.timed(partial(parts.arrays, answer))[0]
            row[way] = (sent, sent + read)
        rows.append(row)
    return rows


def compared(rows: list[dict], way: str) -> dict:
    """A way against the bare call of the same round."""
    over, with_arrays = (statistics.median(row[way][at] / row["bare"][0] for row in rows) - 1 for at in (0, 1))
    fastest = min(row[way][0] for row in rows) / min(row["bare"][0] for row in rows) - 1
    found = {"over": over, "fastest_over": fastest, "with_arrays_over": with_arrays}
    found["bare_ms"] = statistics.median(row["bare"][0] for row in rows)
    return found | {
        key: statistics.median(row[way][at] for row in rows) for at, key in enumerate(("ms", "with_arrays_ms"))
    }


def concurrency(base, bare, ways: dict, counts: list[int], seconds: float, rounds: int, signature: str) -> dict:
    """{clients: {way: {over the first way, requests a second, p50, p95, p99}}}."""
    found: dict = {}
    print(f"{'clients':>7} {'way':24}{'to first':>9}{'a second':>10}{'p50 ms':>9}{'p95':>9}{'p99':>9}")
    inputs = bare.inputs(signature, 1)
    request, call = parts.request(signature, inputs), partial(bare, signature, parts.tensors(inputs))
    for threads in sorted({1, os.cpu_count() or 1}):
        for _ in range(3):
            parts.load([call] * threads, 0)
        show("bare", f"{threads} threads", *parts.load([call] * threads, seconds), 1, found)
    with ExitStack() as stack:
        servers = {way: stack.enter_context(parts.Server(base, *flags)) for way, flags in ways.items()}
        for count in counts:
            rates: dict = {way: [] for way in ways}
            times: dict = {way: [] for way in ways}
            for way in ways:
                parts.load([partial(servers[way].predict(), request) for _ in range(count)], 0)
            for place in range(rounds):
                for way in list(ways) if place % 2 == 0 else list(ways)[::-1]:
                    calls = [partial(servers[way].predict(), request) for _ in range(count)]
                    rate, taken = parts.load(calls, seconds)
                    rates[way].append(rate)
                    times[way] += taken
            first = rates[next(iter(ways))]
            for way in ways:
                ratio = statistics.median(a / b for a, b in zip(rates[way], first, strict=True))
                show(str(count), way, statistics.median(rates[way]), times[way], ratio, found)
    return found


def replaced(base: pathlib.Path, names: list[str], extra: list[str]) -> dict:
    """`serving_soak.replace` on a copy of the newest version as 1, and an export of other weights as 2."""
    newest = max(base.iterdir(), key=lambda path: int(path.name) if path.name.isdecimal() else -1)
    with tempfile.TemporaryDirectory() as folder:
        old, new = pathlib.Path(folder) / "dpt", pathlib.Path(folder) / "new"
        shutil.copytree(newest, old / "1")
        parts.save(json.loads((newest / "assets.extra" / "hparams.json").read_text())["preset"], new, 2, seed=12345)
        asked = serving_soak.Asked({1: parts.Bare(old / "1"), 2: parts.Bare(new / "2")}, names)
        return serving_soak.replace(old, new / "2", asked, extra)


def show(count: str, way: str, rate: float, times: list[float], ratio: float, found: dict) -> None:
    """One row, printed and kept."""
    p50, p95, p99 = (statistics.quantiles([*times, *times], n=100)[at - 1] for at in (50, 95, 99))
    print(f"{count:>7} {way:24}{ratio:9.3f}{rate:10.2f}{p50:9.1f}{p95:9.1f}{p99:9.1f}   {len(times)} calls", flush=True)
    row = {"to_first": ratio, "a_second": rate, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
    found.setdefault(count, {})[way] = row


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--model_base_path", type=pathlib.Path)
    parser.add_argument("--measure", default="overhead,concurrency,soak,replace,stop")
    parser.add_argument("--concurrency", default="1,2,4,8,16,32")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--soak", type=float, default=120)
    parser.add_argument("--signatures", default=",".join(parts.NAMES), help="concurrency takes the first")
    parser.add_argument("--batching", nargs="*", default=[str(CONFIG)])
    flags = parser.parse_args()
    results: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        base = flags.model_base_path or pathlib.Path(folder) / "dpt"
        if not flags.model_base_path:
            parts.save(flags.preset, base, 1)
        version = max(int(path.name) for path in base.iterdir() if path.name.isdecimal())
        bare = parts.Bare(base / str(version))
        print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
        measures, names = flags.measure.split(","), flags.signatures.split(",")
        batching = ["--enable_batching", f"--batching_parameters_file={flags.batching[0]}"]
        if "overhead" in measures:
            results["overhead"] = overhead(base, bare, names, flags.seconds)
        if "concurrency" in measures:
            ways = {"one by one": []} | {
                pathlib.Path(file).name: ["--enable_batching", f"--batching_parameters_file={file}"]
                for file in flags.batching
            }
            counts = [int(count) for count in flags.concurrency.split(",")]
            results["concurrency"] = concurrency(base, bare, ways, counts, flags.seconds, flags.rounds, names[0])
        if {"soak", "stop"} & set(measures):
            asked = serving_soak.Asked({version: bare}, names)
            for way, extra in {"one by one": [], "batching": batching}.items():
                if "soak" in measures:
                    results[f"soak, {way}"] = found = serving_soak.soak(base, asked, extra, flags.soak)
                    print(f"soak, {way}: {found}", flush=True)
                if "stop" in measures:
                    results[f"stop, {way}"] = found = serving_soak.stop(base, asked, extra)
                    print(f"stop, {way}: {found}", flush=True)
            del asked
        if "replace" in measures:
            for way, extra in {"one by one": [], "batching": batching}.items():
                results[f"replace, {way}"] = found = replaced(base, names, extra)
                print(f"replace, {way}: {found}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
