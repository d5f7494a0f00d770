"""Pages that take a workbook in: upload, what was read, the columns to choose, the job that trains."""
