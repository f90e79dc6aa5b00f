"""The OpenAPI page: FastAPI's, and what FastAPI cannot know of errors, headers, parameters and examples."""
