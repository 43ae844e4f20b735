"""Run the service: `python -m lab.day4_cache.users`, told everything by its environment."""

from lab.chassis.serve import run
from lab.day4_cache.users.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="users")
