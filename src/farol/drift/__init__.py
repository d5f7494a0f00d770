"""Whether what comes now still looks like what the model learned from."""
