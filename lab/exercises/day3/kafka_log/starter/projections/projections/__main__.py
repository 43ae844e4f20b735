"""Run the service: `python -m projections`, told everything by its environment."""

from lab.chassis.serve import run
from projections.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="projections")
