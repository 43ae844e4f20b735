"""Run the service: `python -m orders`, told everything by its environment."""

from lab.chassis.serve import serve
from lab.chassis.settings import read
from orders.app import Settings, create_app

if __name__ == "__main__":
    settings = read(Settings, service_name="orders")
    serve(create_app(settings), settings)
