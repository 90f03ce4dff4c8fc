"""The APIs as a client meets them: gRPC, health, reflection, REST, and TF Serving's words where it is refused."""

import base64
import json
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import server_toy as toy
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2

MISSING = (
    "input size does not match signature: 2!=3 len({source_bytes,source_iuv_bytes}) != "
    "len({source_bytes,source_iuv_bytes,target_iuv_bytes}). Sent extra: {}. Missing but required: {target_iuv_bytes}."
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server with version 1, labelled `stable`."""
    base = toy.put(tmp_path_factory.mktemp("api") / "dpt", 1)
    model = toy.configs.ModelConfig(name="dpt", base_path=str(base), version_labels={"stable": 1})
    with toy.running(base, models=[model], metrics_path="/metrics", limits=toy.serve.Limits(max_bytes=2**20)) as one:
        yield one


def refused(call, request, code) -> str:
    """The details with which `call` refuses."""
    with pytest.raises(grpc.RpcError) as error:
        call(request, timeout=30)
    assert error.value.code() is code, error.value
    return error.value.details()


def post(server, path: str, body) -> tuple[int, dict]:
    """Status and document of a POST."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(server.rest + path, data), timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def instances(planes) -> list[dict]:
    """Rows for `serving_default`."""
    columns = {f"{name}_bytes": [b64(toy.png(plane)) for plane in batch] for name, batch in planes.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def b64(file: bytes) -> dict:
    return {"b64": base64.b64encode(file).decode()}


@pytest.mark.parametrize("spec", [{}, {"version": 1}, {"version_label": "stable"}])
def test_predict_answers_by_latest_version_and_label(server, spec):
    planes = toy.pictures(1, batch=3)
    response = server.predict.Predict(toy.files_request(planes, **spec), timeout=30)
    assert (toy.painted(response) == toy.expected(planes)).all()
    who = response.model_spec
    assert (who.name, who.version.value, who.signature_name) == ("dpt", 1, "serving_default")


@pytest.mark.parametrize("as_content", [False, True])
def test_answers_of_every_type_survive_the_journey(as_content):
    kinds = ("float32", "float64", "bool", "uint8", "int8", "int16", "int32", "int64", "uint32", "uint64", "float16")
    for kind in kinds:
        array = np.array([[0, 1, 100], [7, 0, 127]]).astype(kind)
        back = tf.make_ndarray(toy.encode(array, as_content))
        assert back.dtype == array.dtype and (back == array).all(), kind
        if array.dtype.kind in "iu":
            info = np.iinfo(array.dtype)
            edges = [info.min, info.max, 0, 127, 128 % (info.max + 1), 255 % (info.max + 1), info.max // 3]
            array = np.array(edges * 20_000, array.dtype)
            assert (tf.make_ndarray(toy.encode(array, as_content)) == array).all(), kind
        assert tf.make_ndarray(toy.encode(array.reshape(-1)[:0], as_content)).shape == (0,)
    text = np.array([[b"a", b""], [b"\xff\x00", b"long" * 100]], dtype=object)
    assert (tf.make_ndarray(toy.encode(text, as_content)) == text).all()


def test_numbers_come_in_the_typed_fields_as_from_tf_serving(server):
    planes = toy.pictures(2)
    outputs = server.predict.Predict(toy.tensors_request(planes), timeout=30).outputs
    assert len(outputs["image"].float_val) == toy.S * toy.S * 3 and not outputs["image"].tensor_content
    image = np.round((tf.make_ndarray(outputs["image"]) + 1) * 127.5).astype(np.uint8)
    assert (image == toy.expected(planes)).all()


def test_typed_fields_are_understood_as_well_as_bytes(server):
    request = toy.tensors_request(toy.pictures(2))
    content = server.predict.Predict(request, timeout=30)
    for name in toy.NAMES:
        array = tf.make_ndarray(request.inputs[name])
        request.inputs[name].CopyFrom(toy.encode(array, as_content=False))
    assert server.predict.Predict(request, timeout=30) == content


def test_an_output_filter_chooses_what_comes_back(server):
    request = toy.tensors_request(toy.pictures(2))
    request.output_filter.append("warped")
    assert list(server.predict.Predict(request, timeout=30).outputs) == ["warped"]
    request.output_filter.append("warped")
    assert "duplicate output tensor alias: warped" in refused(
        server.predict.Predict, request, grpc.StatusCode.INVALID_ARGUMENT
    )


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ({"name": "x"}, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(x)"),
        ({"name": ""}, grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ({"version": 9}, grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(dpt, 9)"),
        ({"version_label": "x"}, grpc.StatusCode.INVALID_ARGUMENT, "Unrecognized servable version label: x"),
        ({"signature_name": "x"}, grpc.StatusCode.FAILED_PRECONDITION, 'Serving signature key "x" not found.'),
    ],
)
def test_what_does_not_exist_is_refused_in_tf_servings_words(server, spec, code, words):
    assert refused(server.predict.Predict, toy.files_request(toy.pictures(1), **spec), code) == words


def test_missing_and_misnamed_inputs_are_refused_in_tf_servings_words(server):
    request = toy.files_request(toy.pictures(1))
    del request.inputs["target_iuv_bytes"]
    assert refused(server.predict.Predict, request, grpc.StatusCode.INVALID_ARGUMENT) == MISSING
    request.inputs["other"].CopyFrom(tf.make_tensor_proto([b""]))
    words = refused(server.predict.Predict, request, grpc.StatusCode.INVALID_ARGUMENT)
    assert words.startswith(
        "input tensor alias not found in signature: other. Inputs expected to be in the set {source_"
    )


def test_metadata_lists_the_signatures_of_the_version(server):
    query = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    query.model_spec.name = "dpt"
    answer = server.predict.GetModelMetadata(query, timeout=30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert answer.model_spec.version.value == 1
    assert {"serving_default", "tensors", "slow"} <= set(signatures.signature_def)
    assert sorted(signatures.signature_def["tensors"].inputs) == sorted(toy.NAMES)
    query.metadata_field[0] = "x"
    words = refused(server.predict.GetModelMetadata, query, grpc.StatusCode.INVALID_ARGUMENT)
    assert words == "Metadata field x is not supported"


def test_status_tells_of_versions_and_of_what_is_not_there(server):
    query = get_model_status_pb2.GetModelStatusRequest()
    assert refused(server.models.GetModelStatus, query, grpc.StatusCode.INVALID_ARGUMENT) == "Missing ModelSpec"
    query.model_spec.name = "dpt"
    (state,) = server.models.GetModelStatus(query, timeout=30).model_version_status
    assert (state.version, state.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    query.model_spec.version.value = 4
    words = refused(server.models.GetModelStatus, query, grpc.StatusCode.NOT_FOUND)
    assert words == "Could not find version 4 of model dpt"


def test_what_the_local_server_does_not_do_is_unimplemented(server):
    refused(server.predict.Classify, classification_pb2.ClassificationRequest(), grpc.StatusCode.UNIMPLEMENTED)


def test_health_is_serving(server):
    health = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", "tensorflow.serving.PredictionService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_tells_the_services_and_their_messages(server):
    known = ProtoReflectionDescriptorDatabase(server.channel)
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= set(
        known.get_services()
    )
    assert known.FindFileContainingSymbol("tensorflow.serving.PredictRequest").package == "tensorflow.serving"


@pytest.mark.parametrize("path", ["/v1/models/dpt", "/v1/models/dpt/versions/1", "/v1/models/dpt/labels/stable"])
def test_rest_answers_rows_with_rows_and_columns_with_columns(server, path):
    planes = toy.pictures(5, batch=2)
    rows = instances(planes)
    status, by_row = post(server, path + ":predict", {"instances": rows})
    assert status == 200, by_row
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    status, by_column = post(server, path + ":predict", {"signature_name": "serving_default", "inputs": columns})
    assert status == 200 and by_column["outputs"] == by_row["predictions"]
    for row, picture in zip(by_row["predictions"], toy.expected(planes), strict=True):
        assert (tf.io.decode_png(base64.b64decode(row["b64"])).numpy() == picture).all()


def test_rest_takes_numbers_and_names_several_outputs(server):
    planes = toy.pictures(6, batch=2)
    tensors = {name: tf.make_ndarray(proto) for name, proto in toy.tensors_request(planes).inputs.items()}
    body = {
        "signature_name": "tensors",
        "instances": [{n: x[i].tolist() for n, x in tensors.items()} for i in range(2)],
    }
    status, answer = post(server, "/v1/models/dpt:predict", body)
    assert status == 200 and set(answer["predictions"][1]) == {"image", "warped", "provenance"}
    image = np.round((np.array(answer["predictions"][1]["image"]) + 1) * 127.5).astype(np.uint8)
    assert (image == toy.expected(planes)[1]).all()
    status, answer = post(server, "/v1/models/dpt:predict", {"signature_name": "slow", "inputs": [3, 4]})
    assert (status, answer) == (200, {"outputs": [3, 4]})


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/models/x:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(x)"),
        ("/v1/models/dpt/versions/x:predict", {"instances": [1]}, 400, "Failed to convert version: x to numeric."),
        ("/v1/models/dpt:classify", {}, 501, "classify is not implemented by the local server"),
        ("/v1/other", {}, 400, "Malformed request: POST /v1/other"),
        ("/other", {}, 404, "Malformed request: POST /other"),
        ("/v1/models/dpt:predict", b"{", 400, "JSON Parse error: "),
        ("/v1/models/dpt:predict", b"[" * 100000, 400, "JSON Parse error: "),
        ("/v1/models/dpt:predict", b" " * 2**21, 413, "the body is larger than 1048576 bytes"),
        ("/v1/models/dpt:predict", [1], 400, "JSON Value: [1] Is not object"),
        ("/v1/models/dpt:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/dpt:predict", {"instances": []}, 400, "JSON Value: No values in 'instances' array"),
        ("/v1/models/dpt:predict", {"instances": [1]}, 400, "instances is a plain list, but expecting list of objects"),
        ("/v1/models/dpt:predict", {"inputs": {}}, 400, "Missing named input: "),
        (
            "/v1/models/dpt:predict",
            {"signature_name": "x", "inputs": 1},
            400,
            'Serving signature name: "x" not found in signature def',
        ),
        ("/v1/models/dpt:predict", {"signature_name": "slow", "inputs": ["a"]}, 400, "is not of expected type: int32"),
        ("/v1/models/dpt:predict", {"signature_name": "slow", "inputs": [2**40]}, 400, "holds numbers outside"),
        ("/v1/models/dpt:predict", {"signature_name": "slow", "inputs": [[1], 2]}, 400, "at unexpected size"),
        (
            "/v1/models/dpt:predict",
            {"signature_name": "slow", "inputs": 3},
            400,
            "has shape [], the signature takes [-1]",
        ),
    ],
)
def test_rest_refuses_in_tf_servings_words(server, path, body, status, words):
    code, answer = post(server, path, body)
    assert code == status and words in answer["error"], (code, answer)


def test_rest_refuses_what_is_no_base64(server):
    row = instances(toy.pictures(1))[0] | {"source_bytes": {"b64": "%"}}
    code, answer = post(server, "/v1/models/dpt:predict", {"instances": [row]})
    assert code == 400 and "Unable to base64 decode" in answer["error"]


def test_rest_tells_status_and_metadata(server):
    (state,) = json.loads(toy.get(server.rest + "/v1/models/dpt"))["model_version_status"]
    assert state == {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    answer = json.loads(toy.get(server.rest + "/v1/models/dpt/metadata"))
    assert answer["model_spec"]["version"] == "1"
    assert "image_bytes" in answer["metadata"]["signature_def"]["signature_def"]["serving_default"]["outputs"]


def test_prometheus_reads_what_was_asked_and_strangers_make_no_series(server):
    server.predict.Predict(toy.files_request(toy.pictures(1)), timeout=30)
    refused(server.predict.Predict, toy.files_request({}, name="stranger"), grpc.StatusCode.NOT_FOUND)
    metrics = toy.get(server.rest + "/metrics")
    assert ':tensorflow:serving:request_count{model_name="dpt",status="OK"}' in metrics
    assert (
        ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"}' in metrics and "stranger" not in metrics
    )
    assert ':tensorflow:serving:request_latency_bucket{API="Predict",entrypoint="GRPC"' in metrics
    assert "process_resident_memory_bytes" in metrics
