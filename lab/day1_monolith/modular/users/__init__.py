"""Users: who there is. This is the module's face; the rest of it is its own."""

from lab.day1_monolith.modular.users.face import Directory, RemoteUsers, UserRegistered
from lab.day1_monolith.modular.users.module import Users

__all__ = ["Directory", "RemoteUsers", "UserRegistered", "Users"]
