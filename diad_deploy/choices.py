"""Values that options accept by name."""

from typing import Any, get_args

from diad_deploy.errors import OptionError


def check_choices(options: Any, **literals: Any) -> None:
    """Check that attributes of `options` are values of their `Literal` types; None is accepted.

    Raises:
        OptionError: the first that is not, with the accepted values.
    """
    for name, literal in literals.items():
        value, accepted = getattr(options, name), get_args(literal)
        if value is not None and value not in accepted:
            raise OptionError(f"{name} {value!r}: expected {' or '.join(accepted)}")
