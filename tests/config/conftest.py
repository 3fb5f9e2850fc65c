import tests.examples  # noqa: F401  its settings hold from here on
