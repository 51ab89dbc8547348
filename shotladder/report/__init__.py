"""presentation.json and report.html."""
