"""What is taught: days, lessons, exercises, progress."""
