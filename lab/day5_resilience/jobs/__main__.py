"""Run the service: `python -m lab.day5_resilience.jobs`, told everything by its environment."""

from lab.chassis.serve import run
from lab.day5_resilience.jobs.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="jobs")
