"""Run the service: `python -m lab.day3_events.orchestrator`, told everything by its environment."""

from lab.chassis.serve import run
from lab.day3_events.orchestrator.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="orchestrator")
