"""The microservice chassis of the reference services. It imports no room."""
