"""The shapes of the Open Inference Protocol, as it is spoken here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _

Datatype = Literal[
    "FP64", "FP32", "FP16", "BF16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BYTES"
]


class ServerAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "farol", "version": "0.1.0", "extensions": []}]})

    name: str
    version: str
    extensions: list[str] = Field(description=_("None: data comes and goes as JSON."))


class LiveAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"live": True}]})

    live: Literal[True]


class ServerReadyAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"ready": True}]})

    ready: Literal[True]


class ModelReadyAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "current", "ready": True}]})

    name: str
    ready: Literal[True]


class TensorMetadata(Shape):
    name: str
    datatype: Datatype
    shape: list[int] = Field(description=_("[-1]: as many as there are rows."))


class ModelMetadataAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "current",
                    "versions": ["2024-0123456789"],
                    "platform": "onnx_onnxv1",
                    "inputs": [{"name": "IAA", "datatype": "FP64", "shape": [-1]}],
                    "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1]}],
                }
            ]
        }
    )

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata] = Field(description=_("Each may be left out."))
    outputs: list[TensorMetadata]


class OpenShape(BaseModel):
    """Requests may hold more than is said: the protocol lets clients add parameters."""

    model_config = ConfigDict(extra="allow")


class InputTensor(OpenShape):
    name: str = Field(description=_("A column, `rows`, `year`, `student` or `class`."))
    shape: list[int] = Field(description=_("[n] or [n, 1]; of `rows` [n, k]."), min_length=1, max_length=2)
    datatype: Datatype
    data: list[Any] | None = Field(
        default=None,
        description=_("Flat, or nested as the shape is; null: missing. Left out where the values are binary."),
    )
    parameters: dict[str, Any] | None = None


class OutputWanted(OpenShape):
    name: Literal["probability", "prediction", "prediction_label", "prediction_id"]
    parameters: dict[str, Any] | None = None


class InferRequest(OpenShape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "turma-3B",
                    "inputs": [
                        {"name": "IAA", "shape": [2], "datatype": "FP64", "data": [8.5, None]},
                        {"name": "IDA", "shape": [2], "datatype": "FP64", "data": [4.5, 7.0]},
                    ],
                    "outputs": [{"name": "probability"}, {"name": "prediction"}],
                }
            ]
        }
    )

    id: str | None = Field(default=None, description=_("Comes back with the answer."))
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor] = Field(min_length=1)
    outputs: list[OutputWanted] | None = Field(default=None, description=_("What to answer; without it, all."))


class OutputTensor(Shape):
    name: str
    datatype: Literal["FP64", "INT64", "BYTES"]
    shape: list[int]
    data: list[int | float | str | None] | None = Field(
        default=None, description=_("Left out where the values are binary.")
    )
    parameters: dict[str, int] | None = Field(
        default=None, description=_("`binary_data_size`: how many bytes after the JSON are the values.")
    )


class InferAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model_name": "current",
                    "model_version": "2024-0123456789",
                    "id": "turma-3B",
                    "outputs": [
                        {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.73, None]},
                        {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [1, -1]},
                    ],
                }
            ]
        }
    )

    model_name: str
    model_version: str
    id: str | None = Field(default=None, description=_("That of the request, if it had one."))
    outputs: list[OutputTensor]
