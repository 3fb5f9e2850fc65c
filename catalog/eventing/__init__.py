"""Events: taken in once, delivered to the dispatchers that listen for them, which start runs."""
