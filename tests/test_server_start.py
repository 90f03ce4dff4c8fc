"""The command: what it says at its start, what stops it from starting, TLS, and how it ends."""

import ast
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import odd_files
import pytest
import server_toy as toy
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.local_server import __main__ as command


def bad_start(capsys, *flags) -> str:
    """The one line with which the command does not start."""
    with pytest.raises(SystemExit) as left:
        command.main([f"--port={toy.free_port()}", "--rest_api_port=0", *flags])
    lines = capsys.readouterr().err.strip().splitlines()
    told = [line for line in lines if line.startswith("local_server: ")]
    assert left.value.code == 2 and len(told) == 1 and "Traceback" not in "".join(lines), lines
    return told[0]


@pytest.fixture
def base(tmp_path) -> pathlib.Path:
    """A folder with version 1."""
    return toy.put(tmp_path / "dpt", 1)


def text(tmp_path, content: str) -> str:
    """A configuration file."""
    file = tmp_path / "config.txt"
    file.write_text(content)
    return str(file)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--no_such_flag=1"], "unrecognized arguments: --no_such_flag=1"),
        (["--port=x"], "argument --port: invalid"),
        (["--port=99999"], "ports are 1 to 65535"),
        (["--port=0", "--model_base_path={base}"], "gRPC needs a port"),
        (["--enable_batching=perhaps"], "true or false"),
        (["--file_system_poll_wait_seconds=nan"], "a number from 0 on"),
        (["--grpc_channel_arguments=x"], "KEY=VALUE"),
        (["--grpc_channel_arguments=a=9999999999"], "numbers are 2147483647 at most, this is a=9999999999"),
        (["--grpc_channel_arguments=grpc.max_receive_message_length=-1"], "a whole number from 1 on, this is -1"),
        (["--grpc_channel_arguments=grpc.max_receive_message_length=x"], "a whole number from 1 on, this is x"),
        (["--file_system_poll_wait_seconds=1e300"], "2147483647 at most, this is 1e300"),
        (["--model_base_path={base}", "--model_name="], "--model_name is empty"),
        (["--model_base_path={base}", "--host="], "--host is empty"),
        (["--model_base_path=\udce9"], "--model_base_path=\\udce9 is not UTF-8"),
        (["--model_base_path={base}", "--host=256.1.1.1"], "cannot be bound; is another server there? Choose another"),
        ([], "give --model_base_path=FOLDER"),
        (["--model_base_path={base}/nowhere"], "no such folder: {base}/nowhere"),
        (["--model_base_path={base}/1/variables"], "no version to serve in"),
        (["--model_base_path={base}", "--batching_parameters_file=x"], "without --enable_batching"),
        (["--model_base_path={base}", "--monitoring_config_file=x"], "needs --rest_api_port"),
        (["--model_base_path={base}", "--port=7", "--rest_api_port=7"], "cannot be same as --port"),
        (["--model_config_file={base}/nowhere"], "{base}/nowhere cannot be read"),
        (["--model_base_path={base}", "--ssl_config_file={base}/nowhere"], "cannot be read"),
    ],
)
def test_a_bad_start_is_one_line_and_code_2(base, capsys, flags, words):
    told = bad_start(capsys, *(flag.format(base=base) for flag in flags))
    assert words.format(base=base) in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
@pytest.mark.parametrize("flag", ["model_config_file", "ssl_config_file"])
def test_a_configuration_that_is_no_file_is_not_waited_for(tmp_path, capsys, flag):
    base = [] if flag == "model_config_file" else [f"--model_base_path={tmp_path}"]
    for place, what in odd_files.no_files(tmp_path, ".config").items():
        words = what if "MiB" in what else f"{place} is no file; give the path of a configuration"
        assert words in bad_start(capsys, f"--{flag}={place}", *base)


def test_a_configuration_of_one_long_word_is_a_short_line(tmp_path, capsys):
    told = bad_start(capsys, f"--model_config_file={text(tmp_path, chr(27) + '{a:' * 100_000)}")
    assert len(told) < 600 and told.isprintable()


def test_a_port_in_use_is_told_before_anything_is_loaded(base, capsys, monkeypatch):
    monkeypatch.setattr(toy.serve, "Servable", lambda *_: pytest.fail("it loads the model"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot be bound" in bad_start(capsys, f"--model_base_path={base}", f"--port={taken.getsockname()[1]}")


@pytest.mark.parametrize("package", command.PACKAGES)
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(base, capsys, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    told = bad_start(capsys, f"--model_base_path={base}")
    assert told == f"local_server: {package} is not installed; the local server needs it: pip install -e '.[serving]'"


def test_every_package_that_the_server_imports_is_looked_for():
    imported = imports(toy.SERVING / "local_server")
    of_the_library = {"google", "numpy", "tensorflow"}  # protobuf, too
    assert set(command.PACKAGES) == imported - set(sys.stdlib_module_names) - {"serving"} - of_the_library


@pytest.mark.parametrize("folder", ["local_server", "client", "web", "configs"])
def test_no_module_needs_what_only_posix_has(folder):
    posix = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
    assert not imports(toy.SERVING / folder) & posix


def imports(folder) -> set[str]:
    """What the modules in a folder import, wherever in them, by its first name."""
    found = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("flag", "content", "words"),
    [
        ("model_config_file", "what is this", "is no ModelServerConfig in protobuf's text form"),
        ("model_config_file", "", "lists no models"),
        ("model_config_file", "model_config_list { config { name: 'a' } }", "needs a name and a base_path"),
        (
            "model_config_file",
            "model_config_list { config { name: 'a' base_path: 'x' } config { name: 'a' base_path: 'y' } }",
            "Illegal to list model a multiple times",
        ),
        (
            "model_config_file",
            "model_config_list {{ config {{ name: 'a' base_path: '{base}' version_labels {{ key: 'x' value: 5 }} }} }}",
            'label "x" to version 5 of model a, which is not currently available for inference; --allow_version_labels',
        ),
        ("batching_parameters_file", "max_batch_size { value: 0 }", "are at least 1"),
        ("batching_parameters_file", "allowed_batch_sizes: 2", "must increase and end with max_batch_size (1000)"),
        ("batching_parameters_file", "pad_variable_length_inputs: true", "not implemented by the local server"),
        ("ssl_config_file", "server_key: 'x' server_cert: 'y'", "is no PEM, or they do not match"),
    ],
)
def test_a_bad_configuration_is_one_line_that_names_the_file(base, tmp_path, capsys, flag, content, words):
    file = text(tmp_path, content.format(base=base) if "{base}" in content else content)
    flags = [f"--{flag}={file}"] + ["--enable_batching"] * (flag == "batching_parameters_file")
    if flag != "model_config_file":
        flags.append(f"--model_base_path={base}")
    told = bad_start(capsys, *flags)
    assert words in told and (file in told or "label" in words)


def test_a_label_at_the_start_needs_its_flag_even_if_its_version_is_there(base, tmp_path):
    content = f"config {{ name: 'a' base_path: '{base}' version_labels {{ key: 'x' value: 1 }} }}"
    file = text(tmp_path, f"model_config_list {{ {content} }}")
    flags = [f"--model_config_file={file}", "--allow_version_labels_for_unavailable_models"]
    with_flag, without = (command.options(command._flags().parse_args(flags[:count])) for count in (2, 1))
    with toy.running(base, models=with_flag.models, allow_new_labels=with_flag.allow_new_labels) as server:
        request = toy.files_request(toy.pictures(1), name="a", version_label="x")
        assert server.predict.Predict(request, timeout=30).model_spec.version.value == 1
    with pytest.raises(toy.serve.BadStart, match='label "x" to version 1 of model a'):
        toy.Running(without)


def test_a_broken_model_is_a_bad_start(base, capsys):
    (base / "1" / "saved_model.pb").write_bytes(b"no model")
    assert "model dpt: version 1 cannot be loaded: " in bad_start(capsys, f"--model_base_path={base}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among files here")
@pytest.mark.parametrize("name", ["variables/variables.index", "assets.extra/tf_serving_warmup_requests"])
def test_a_model_with_a_pipe_among_its_files_is_a_bad_start_and_no_waiting(base, capsys, name):
    (base / "1" / name).unlink()
    os.mkfifo(base / "1" / name)
    assert f"{name} is a pipe or a device, where a file is wanted" in bad_start(capsys, f"--model_base_path={base}")


def test_a_damaged_fingerprint_is_a_bad_start(base, capsys):
    (base / "1" / "fingerprint.pb").write_bytes(b"junk")
    assert "fingerprint.pb is damaged; export the model anew" in bad_start(capsys, f"--model_base_path={base}")


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_a_port_in_use_is_a_bad_start(base, capsys, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = bad_start(capsys, f"--model_base_path={base}", f"{flag}={taken.getsockname()[1]}")
    assert f"{flag}={taken}" not in told and "cannot be bound" in told and f"Choose another {flag}" in told


def test_it_binds_to_this_machine_alone_unless_told(base):
    flags = command._flags().parse_args([f"--model_base_path={base}"])
    assert command.options(flags).host == "127.0.0.1"


def test_flags_and_files_say_what_is_served(base, tmp_path):
    file = text(tmp_path, "max_batch_size { value: 8 } batch_timeout_micros { value: 5000 } allowed_batch_sizes: 8")
    monitoring = tmp_path / "monitoring"
    monitoring.write_text("prometheus_config { enable: true }")
    flags = ["--enable_batching=true", f"--batching_parameters_file={file}", f"--monitoring_config_file={monitoring}"]
    arguments = "grpc.max_receive_message_length=1000,grpc.primary_user_agent=x"
    flags += [f"--model_base_path={base}", "--model_name=toy", f"--grpc_channel_arguments={arguments}"]
    options = command.options(command._flags().parse_args(flags))
    bounds = options.bounds
    assert (bounds.max_batch_size, bounds.timeout, bounds.max_enqueued_batches) == (8, 0.005, 10)
    assert bounds.allowed_batch_sizes == (8,) and options.limits.max_bytes == 1000
    assert options.models[0].name == "toy" and options.metrics_path == "/monitoring/prometheus/metrics"
    assert ("grpc.primary_user_agent", "x") in options.channel


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_answers_those_who_trust_it_and_are_trusted(base, tmp_path, mutual):
    authority = trustme.CA()
    pair = authority.issue_cert("localhost")
    ca, key = authority.cert_pem.bytes(), pair.private_key_pem.bytes()
    cert = b"".join(part.bytes() for part in pair.cert_chain_pems)
    fields = {"server_key": key.decode(), "server_cert": cert.decode()}
    if mutual:
        fields["custom_ca"] = ca.decode()
    content = f"client_verify: {str(mutual).lower()} " + " ".join(f"{name}: {it!r}" for name, it in fields.items())
    credentials = toy.configs.credentials(text(tmp_path, content))
    request = toy.files_request(toy.pictures(1))
    with toy.running(base, credentials=credentials) as server:
        for known, welcome in (((ca, key, cert), True), ((ca, None, None), not mutual), ((None, None, None), False)):
            trust = grpc.ssl_channel_credentials(*known)
            with grpc.secure_channel(f"localhost:{server.options.port}", trust) as channel:
                call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
                if welcome:
                    assert call(request, timeout=30).outputs
                else:
                    with pytest.raises(grpc.RpcError) as refused:
                        call(request, timeout=30)
                    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_under_load_answers_every_accepted_request_and_exits_0(base, signum):
    port = toy.free_port()
    flags = [f"--port={port}", f"--rest_api_port={toy.free_port()}", f"--model_base_path={base}", "--enable_batching"]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.local_server", *flags],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if line.endswith(" serving\n"):
            break
    reader = threading.Thread(target=lambda: said.extend(process.stderr))
    reader.start()
    assert "it is not TF Serving" in said[0], said
    outcomes, planes = [], toy.pictures(1)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        accepted = [predict.future(toy.slow_request(8_000), timeout=60) for _ in range(8)]

        def ask():
            while True:
                try:
                    answer = predict(toy.files_request(planes), timeout=60)
                    outcomes.append((toy.painted(answer) == toy.expected(planes)).all())
                except grpc.RpcError as error:
                    outcomes.append((error.code(), error.details()))
                    return

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(1)
        process.send_signal(signum)
        for client in clients:
            client.join(60)
        assert [call.result().outputs["loops"].int_val[0] for call in accepted] == [8_000] * 8
    assert process.wait(60) == 0
    reader.join()
    process.stderr.close()
    answered = [outcome for outcome in outcomes if outcome is not False and not isinstance(outcome, tuple)]
    shut = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert answered and len(shut) == 4 and len(answered) + 4 == len(outcomes)
    assert all(code is grpc.StatusCode.UNAVAILABLE for code, _ in shut), shut
    assert re.search(r"stopping: answering \d+ requests", "".join(said)), said
    assert said[-1].endswith(" stopped\n") and "Traceback" not in "".join(said), said


@pytest.mark.parametrize("batching", [False, True])
def test_who_asks_again_at_the_end_hears_unavailable_and_is_not_cut_off(base, batching):
    bounds = toy.serve.Bounds(max_batch_size=8) if batching else toy.serve.Bounds()
    again, request = [], toy.slow_request(1)
    with toy.running(base, rest_port=0, bounds=bounds) as server:
        last = server.predict.Predict.future(toy.slow_request(20_000), timeout=60)
        last.add_done_callback(
            lambda _: again.extend(server.predict.Predict.future(request, timeout=60) for _ in range(32))
        )
        time.sleep(0.2)
        server.stop()
        assert last.result().outputs
        server.join()
        assert [call.code() for call in again] == [grpc.StatusCode.UNAVAILABLE] * 32


@pytest.mark.parametrize("serving", [False, True])
def test_a_signal_while_a_version_is_loaded_ends_it_at_once_with_0(base, serving):
    toy.put(base, 2)
    slow_to_warm = base / "2" / "assets.extra" / "tf_serving_warmup_requests"
    with toy.tf.io.TFRecordWriter(str(slow_to_warm)) as writer:
        log = toy.prediction_log_pb2.PredictLog(request=toy.slow_request(3_000_000))
        writer.write(toy.prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    if serving:
        (base / "2").rename(base / "aside")
    flags = [f"--port={toy.free_port()}", "--rest_api_port=0", f"--model_base_path={base}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.local_server", *flags], stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.endswith(" serving\n"):
            (base / "aside").rename(base / "2")
        if "loading version 2" in line:
            break
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0 and time.monotonic() - began < 10, said
    assert said.splitlines()[-1].endswith(" stopped" if serving else " stopped before anything was served")


def test_watchers_and_idle_connections_do_not_hold_the_end_up(base):
    with toy.running(base) as server, socket.create_connection(("127.0.0.1", server.options.rest_port)):
        watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        began = time.monotonic()
        server.stop()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        server.join()
        assert time.monotonic() - began < 15
