"""The panels: a file each, named as a System names it, with a PANEL in it."""
