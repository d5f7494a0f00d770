"""The shapes of what the routes answer: the model that documents an answer is the one that is sent."""
