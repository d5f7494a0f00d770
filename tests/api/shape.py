"""The shape of every error."""

from __future__ import annotations

from typing import Any

import httpx

from farol.api.answers.errors import ErrorAnswer, V2Error

PUPIL = {
    "IAA": 8.5,
    "IEG": 7.2,
    "IPS": 6.8,
    "IPP": 7.0,
    "IDA": 6.5,
    "IPV": 7.8,
    "IAN": 10.0,
    "PORTUGUES": 7.0,
    "MATEMATICA": 6.0,
    "INGLES": 8.0,
}
"""An invented pupil of whom all ten are known, every value a usual one.

It is the example of the original description, but for IAN, which is never 6.5.
"""


def error_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error in a response, which must have the one shape, this status and this code; below /v2, the text alone."""
    assert response.status_code == status, response.text
    if response.url.path.startswith("/v2"):
        V2Error.model_validate(response.json(), strict=True)
        return {"message": response.json()["error"], "fix": response.json()["error"]}
    body: dict[str, Any] = response.json()
    ErrorAnswer.model_validate(body, strict=True)
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == response.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    return error


def fields_of(error: dict[str, Any]) -> dict[str, str]:
    """Field → problem."""
    return {item["field"]: item["problem"] for item in error["fields"]}
