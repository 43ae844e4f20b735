"""The one address that visitors know: passes requests on, and composes pages of what several services say."""
