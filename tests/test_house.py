"""Who may import whom: downward only, and FastAPI only where HTTP is spoken."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "clinic_api"
FLOORS = [
    {"config", "errors", "sentences", "telling"},
    {"models", "passwords", "tokens", "cursors", "search"},
    {
        "database",
        "embedded",
        "migrations",
        "selecting",
        "reading",
        "ordering",
        "estimates",
        "finding",
        "audit",
        "looks",
        "services",
        "backup",
        "transfer",
    },
    {"http"},
    {"routes"},
    {"main", "cli", "__main__"},
]
HTTP_FLOOR = 3
HTTP_PACKAGES = {"fastapi", "starlette", "slowapi", "uvicorn"}
FILES = [path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py"]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def imports(path: Path) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {(*str(node.module).split("."), alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_point_down(path: Path) -> None:
    own = floor(path.relative_to(HOUSE).parts[0].removesuffix(".py"))
    for package, *rest in imports(path):
        if package == "clinic_api" and rest[0] not in ("__version__",):
            assert floor(rest[0]) <= own, f"{path} imports {'.'.join(rest)} from above"
        assert package not in HTTP_PACKAGES or own >= HTTP_FLOOR, f"{path} knows {package}"
