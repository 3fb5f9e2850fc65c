"""The HTTP API that SDKs call: what an endpoint says of its runs, events that come in, and the state of things."""
