"""Takes orders, and brings each to an end: confirmed or cancelled."""
