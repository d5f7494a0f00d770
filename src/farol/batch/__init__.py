"""Millions of rows: files scored in record batches by one function, within a bound of memory."""
