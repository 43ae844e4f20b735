"""Run the service: `python -m lab.day2_microservices.gateway`, told everything by its environment."""

from lab.chassis.serve import run
from lab.day2_microservices.gateway.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="gateway")
