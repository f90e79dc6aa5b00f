"""The rules of the clinic, without HTTP."""
