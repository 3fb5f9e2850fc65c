raise RuntimeError("nothing of this is imported")
