"""Run the service: `python -m orders`, told everything by its environment."""

from lab.chassis.serve import run
from orders.app import Settings, create_app

if __name__ == "__main__":
    run(Settings, create_app, service_name="orders")
