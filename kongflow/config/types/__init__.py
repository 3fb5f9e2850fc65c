"""Types of templates: what a schema says of a value, and what a template may do with it."""
