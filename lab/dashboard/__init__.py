"""The live screen, and the only room that imports Textual."""
