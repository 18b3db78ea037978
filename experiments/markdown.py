"""The few pieces of Markdown that a report is made of; an empty piece leaves no trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def section(title: str, *parts: str) -> str:
    """A second-level heading with its parts; empty if all of them are."""
    return join([f"## {title}", *parts]) if any(parts) else ""


def join(parts: Iterable[str]) -> str:
    """Paragraphs, without the empty ones."""
    return "\n\n".join(part for part in parts if part)


def bullets(items: Iterable[str]) -> str:
    """A list, a line an item."""
    return "\n".join(f"- {item}" for item in items)


def enumeration(items: Sequence[str]) -> str:
    """Items in a sentence: a, b and c."""
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else "".join(items)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; empty without rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def image(drawn: Sequence[str], name: str, text: str) -> str:
    """A figure of the result, if it was drawn."""
    return f"![{text}](figures/{name}.png)" if name in drawn else ""
