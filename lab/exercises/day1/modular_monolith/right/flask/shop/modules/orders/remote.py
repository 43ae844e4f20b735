"""Asks another process for users."""

import http.client
import urllib.error
import urllib.parse
import urllib.request

from toolbox import Refused


def asking(address):
    def is_user(ident):
        try:
            with urllib.request.urlopen(f"{address}/users/{urllib.parse.quote(ident, safe='')}", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
        except (OSError, http.client.HTTPException):
            pass
        raise Refused(503, "users_unavailable")

    return is_user
