"""Answers about pupils: a ranked list, one pupil explained, a sheet forecast."""
