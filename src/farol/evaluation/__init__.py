"""What an answer is worth: metrics, intervals, fairness, capacity. Used by training, outcomes and lists."""
