import os


def work(payload:
    return os.environ[payload["name"]]
