"""What knows FastAPI: how a request runs, and how its answers and errors look."""
