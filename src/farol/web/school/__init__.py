"""Pages of pupils: the list, a class, the school, one pupil, what is printed and exported."""
