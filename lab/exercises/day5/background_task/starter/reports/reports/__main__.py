"""Run the service: `python -m reports`, told everything by its environment."""

from lab.chassis.serve import run
from reports.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="reports")
