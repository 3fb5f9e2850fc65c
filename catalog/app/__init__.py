"""The application's own tables: what the tasks of this catalog work on. KongFlow itself knows nothing of them."""
