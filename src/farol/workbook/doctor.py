"""What is odd in a workbook, for a person to read: the findings of a panel as text or as JSON."""

from farol.workbook.findings import Finding

__all__ = ["Finding"]
