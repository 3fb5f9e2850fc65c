"""Mail: settings, rendering, the message and its way out."""
