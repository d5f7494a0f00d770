"""Pages for whoever runs the site: versions, keys, users, retention, erasure, backup, settings, audit."""
