"""Farol: early warning for schools."""

import os

__version__ = "0.1.0"

# ONNX Runtime's builds report to their maker unless told not to before they are loaded. Farol calls nobody.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
