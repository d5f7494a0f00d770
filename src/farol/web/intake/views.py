"""The pages that take a workbook in."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
