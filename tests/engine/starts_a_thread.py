"""A module that starts a thread when it is imported, as some drivers do."""

import threading
from typing import Any

threading.Thread(target=threading.Event().wait, name="the-pool-of-a-driver", daemon=True).start()


def work(payload: Any) -> None: ...
