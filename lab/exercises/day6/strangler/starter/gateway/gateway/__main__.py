"""Run the service: `python -m gateway`, told everything by its environment."""

from gateway.app import Settings, create_app
from lab.chassis.serve import run

if __name__ == "__main__":
    run(Settings, create_app, service_name="gateway")
