"""Pages of case work: what is recorded on a pupil, what is due, the meeting sheet."""
