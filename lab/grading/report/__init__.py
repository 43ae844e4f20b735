"""A report and the forms it is shown in."""
