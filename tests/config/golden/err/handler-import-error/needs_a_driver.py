"""A module that cannot be imported here."""

import a_driver_that_is_not_there


def work(payload: object) -> object:
    return a_driver_that_is_not_there.send(payload)
