"""What the stand-in for TF Serving costs: milliseconds over the bare call of a signature, and requests a second.

  python benchmarks/standin.py [--model_base_path=models/dpt] [--size 256] [--seconds 10]

Asks with the warm-up requests of the newest version under --model_base_path; without it a toy of --size is made, which
computes next to nothing. `bare` is the signature called on tensors in this process, and its outputs fetched; the others
are from request to arrays, with the server in another process. The fastest calls count: what else runs on the machine
only adds. Prints a table and one line of JSON.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "serving")]

import grpc  # noqa: E402
import standin_toy as toy  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_serving.apis import prediction_log_pb2, prediction_service_pb2_grpc  # noqa: E402

from standin import servable, tensors, versions  # noqa: E402

ANY = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--model_base_path", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = flags.model_base_path or pathlib.Path(folder) / "dpt"
        if not flags.model_base_path:
            toy.save(base, 1, flags.size)
        version = versions.wanted_versions(versions.Config(base_path=str(base)))[0]
        loaded = servable.Servable(base / str(version), "dpt", version, servable.Limits())
        requests = warm_ups(base / str(version) / servable.WARM_UP)
        if not flags.model_base_path:
            requests.append(toy.tensors_request(toy.pictures(0, size=flags.size)))
        bare = {name(request): bare_ms(loaded, request, flags.seconds / 2) for request in requests}
        del loaded
        results = {}
        for way, extra in {"typed fields": [], "tensor_content": ["--enable_serialization_as_tensor_content"]}.items():
            results[way] = served(
                base, extra, lambda call: [fastest(lambda r=r: fetch(call(r)), flags.seconds / 2) for r in requests]
            )
        rates = {}
        for way, extra in {"one by one": [], "batching": ["--enable_batching"]}.items():
            rates[way] = served(base, extra, lambda call: rate(call, requests[0], flags.seconds))
    print(f"{'signature':18}{'bare ms':>10}" + "".join(f"{way + ' ms':>20}{'over':>8}" for way in results))
    for place, request in enumerate(requests):
        cells = [(times[place], times[place] - bare[name(request)]) for times in results.values()]
        served_cells = "".join(f"{ms:20.2f}{over:8.2f}" for ms, over in cells)
        print(f"{name(request):18}{bare[name(request)]:10.2f}{served_cells}")
    print("requests a second, 16 clients, " + ", ".join(f"{way}: {value:.1f}" for way, value in rates.items()))
    print(json.dumps({"bare_ms": bare, "grpc_ms": results, "requests_per_second": rates}))


def warm_ups(file: pathlib.Path) -> list:
    """The first request of each signature, for the model `dpt`."""
    found: dict = {}
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        spec = toy.predict_pb2.PredictRequest().model_spec
        spec.name, spec.signature_name = "dpt", name(request)
        request.model_spec.CopyFrom(spec)
        found.setdefault(name(request), request)
    return list(found.values())


def name(request) -> str:
    """The signature that it asks."""
    return request.model_spec.signature_name or "serving_default"


def bare_ms(loaded: servable.Servable, request, seconds: float) -> float:
    """The function itself."""
    inputs = {key: tensors.decode(key, proto) for key, proto in request.inputs.items()}
    function = loaded.signature(name(request))._function
    return fastest(lambda: [value.numpy() for value in function(**inputs).values()], seconds)


def fetch(response) -> list:
    """What a client does with an answer."""
    return [tf.make_ndarray(proto) for proto in response.outputs.values()]


def fastest(call, seconds: float) -> float:
    """Milliseconds of the fastest call, after three that do not count."""
    for _ in range(3):
        call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        began = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - began))
    return min(times)


def served(base: pathlib.Path, extra: list, measure):
    """What `measure(call)` gives with a server in a process of its own."""
    port = toy.free_port()
    flags = [f"--port={port}", "--rest_api_port=0", f"--model_base_path={base}", *extra]
    process = subprocess.Popen(
        [sys.executable, str(toy.SERVING / "server.py"), *flags], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    if not any(line.endswith(" serving\n") for line in iter(process.stderr.readline, "")):
        sys.exit("the server did not start")
    drain = threading.Thread(target=process.stderr.read)
    drain.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", ANY) as channel:
            return measure(prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict)
    finally:
        process.terminate()
        process.wait()
        drain.join()


def rate(call, request, seconds: float, clients: int = 16) -> float:
    """Answers a second."""
    answers, end = [0] * clients, time.monotonic() + seconds

    def ask(place: int) -> None:
        while time.monotonic() < end:
            call(request)
            answers[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answers) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
