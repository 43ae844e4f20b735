"""The gateway: a home page that is whole without its optional parts, and says so."""
