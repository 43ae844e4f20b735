"""Run the service: `python -m users`, told everything by its environment."""

from lab.chassis.serve import run
from users.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="users")
