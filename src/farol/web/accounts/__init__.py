"""Pages to sign in and out, and to change one's own password."""
