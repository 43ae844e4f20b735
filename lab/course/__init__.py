"""What is taught, and how far one is."""
