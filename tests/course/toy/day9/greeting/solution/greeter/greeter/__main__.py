"""`python -m greeter`."""

from greeter.app import Settings, create_app
from lab.chassis.serve import run

run(Settings, create_app, service_name="greeter")
