"""Run the service: `python -m lab.day1_monolith.monolith`, told everything by its environment."""

from lab.chassis.serve import run
from lab.day1_monolith.monolith.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="shop")
