"""`gatepost backup`: a copy of the SQLite file beside the running service, and what else has to be kept."""

from pathlib import Path
from typing import Annotated

import typer

from gatepost.cli import text
from gatepost.cli.leaving import FAILED
from gatepost.cli.progress import progress
from gatepost.database.backup import back_up
from gatepost.settings import Settings
from gatepost.settings.development import FILE_NAME

_MIB = 1024 * 1024
_ON_POSTGRESQL = (
    "PostgreSQL has a tool of its own for that: pg_dump --format=custom --schema=gatepost --file=FILE; its database is"
    " what GATEPOST_DATABASE_URL names."
)


def back_up_database(
    file: Annotated[Path, typer.Argument(help="The file to make; it must not be there yet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy the SQLite database into a file, beside a running service or without one."""
    settings = Settings.load()
    source = settings.database_file
    if source is None:
        text.complain(_ON_POSTGRESQL)
        raise typer.Exit(FAILED)
    with progress(f"backing up {source}") as show:
        made = back_up(source.resolve(), file.absolute(), on_progress=show)
    keep = keys_to_keep(settings)
    if as_json:
        text.as_json({"file": str(made.file), "bytes": made.size_bytes, "took_s": round(made.took_s, 3), "keep": keep})
        return
    print(text.printable(f"{made.file}: {made.size_bytes / _MIB:,.1f} MiB in {made.took_s:.1f} s, looked through"))
    print("keep this, too, in another place; without it open links die, and erased people may be written to again:")
    for one in keep:
        print(f"  {one}")


def keys_to_keep(settings: Settings) -> list[str]:
    """Name what a restored database needs besides the file. No value is shown."""
    key_file = settings.data_folder / FILE_NAME
    keys = ["GATEPOST_SECRET_KEYS"] if settings.secret_keys else [f"the development key {key_file}"]
    if settings.suppression_key is not None:
        keys.append("GATEPOST_SUPPRESSION_KEY")
    if settings.dkim_key is not None:
        keys.append(f"GATEPOST_DKIM_KEY ({settings.dkim_key})")
    return keys
