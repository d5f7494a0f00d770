"""What was done with a pupil: steps, contacts, notes, kinds of support, what is due."""
