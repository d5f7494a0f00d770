"""From an uploaded workbook to stored forecasts: files before they are accepted, and the jobs that train."""
