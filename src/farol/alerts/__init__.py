"""Scheduled checks, the messages they make, and their delivery by e-mail and webhook."""
