"""DuckDB's postgres extension, as a package has it: nothing is fetched when it is loaded."""

from importlib.resources import files
from typing import TYPE_CHECKING

from rapport.errors import BiError
from rapport.release.content import literal

if TYPE_CHECKING:
    import duckdb

PACKAGE = "duckdb_extension_postgres_scanner"
FILE = "postgres_scanner.duckdb_extension"


def load_extension(duck: "duckdb.DuckDBPyConnection") -> None:
    """Load the extension; DuckDB checks its own signature on it.

    Raises:
        BiError: the package is missing, or made for another version of DuckDB.
    """
    import duckdb

    try:
        path = files(PACKAGE) / "extensions" / f"v{duckdb.__version__}" / FILE
        duck.execute(f"load {literal(str(path))}")
    except (ModuleNotFoundError, duckdb.Error) as error:
        raise BiError(
            f"DuckDB {duckdb.__version__} cannot load its postgres extension from the package "
            f"{PACKAGE.replace('_', '-')} ({type(error).__name__}); `make up` installs it"
        ) from None
