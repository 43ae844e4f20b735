"""Run the service: `python -m gateway`, told everything by its environment."""

from gateway.app import Settings, create_app
from lab.chassis.serve import serve
from lab.chassis.settings import read

if __name__ == "__main__":
    settings = read(Settings, service_name="gateway")
    serve(create_app(settings), settings)
