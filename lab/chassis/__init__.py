"""The microservice chassis of the reference services: what every service needs and none should write twice.

Settings, JSON logs, ids that travel, problem+json, health, metrics, a database that does not lose updates, and
messaging that survives its broker. It imports no room of the lab, so a service built on it runs anywhere.
"""
