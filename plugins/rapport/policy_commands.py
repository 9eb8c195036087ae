"""``rapport policy`` and ``rapport settings``: what is in force, and all that can be set."""

import json
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapport.policy import Policy, as_json, policies_of, settings_list, settings_page
from rapport.settings import Settings


def policy_command(
    everything: Annotated[bool, typer.Option("--all", help="Every policy, defaults too.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="Every policy, for machines.")] = False,
) -> None:
    """Check the firm's policy.yml and show the policies in force, each with its source."""
    settings = Settings.from_env()
    policies = policies_of(settings)
    if as_data:
        rows = [
            {key: getattr(policy, key) for key in ("name", "value", "default", "source")}
            for policy in policies.all
        ]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    files = ", ".join(str(path) for _, path in settings.policy_files)
    typer.echo(f"read: {files or 'no file; all is as the project has it by default'}")
    shown = policies.all if everything else policies.changed
    table = Table("policy", "in force", "default", "source", box=box.SIMPLE)
    for policy in shown:
        table.add_row(policy.name, _value(policy), as_json(policy.default), policy.source)
    if shown:
        Console().print(table)
    typer.echo(
        f"{len(policies.changed)} of {len(policies.all)} policies are decided otherwise than by "
        f"default; digest {policies.digest()[:12]}"
    )


def settings_command(
    as_data: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    as_page: Annotated[bool, typer.Option("--page", help="As docs/settings.md.")] = False,
) -> None:
    """List everything that can be set: policies and variables of the environment."""
    listed = settings_list(Settings.from_env())
    if as_data:
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    elif as_page:
        typer.echo(settings_page(listed), nl=False)
    else:
        for each in listed:
            typer.echo(f"{each['name']}: {each['sentence']}")


def _value(policy: Policy) -> str:
    """The value; of a map only the keys that differ."""
    if isinstance(policy.value, dict) and isinstance(policy.default, dict):
        return as_json({k: v for k, v in policy.value.items() if policy.default.get(k) != v})
    return as_json(policy.value)
