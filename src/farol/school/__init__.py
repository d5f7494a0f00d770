"""A school's pupils as the pages show them: their rows of each year, this year's answers, names if the school wants."""
