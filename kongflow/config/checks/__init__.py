"""The checks of `validate`: one rule is one function, in files by theme; each yields findings of one slug."""
