"""What to do about a task's model, in plain words: status, rules, report."""
