"""Action: a typed method that an agent may call, with the JSON schema that its signature and docstring give."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, Required, TypeVar, Union, overload

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from practicum.envs.errors import BadArguments

F = TypeVar("F", bound=Callable[..., Any])

Secret = Annotated[str, Field(json_schema_extra={"writeOnly": True})]
"""A text argument that is never printed or exported: a card token, a key, a password."""

_MARK = "__practicum_action__"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one action: its published name and arguments, plain JSON."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an environment, as it is published."""

    name: str
    description: str
    schema: dict[str, Any]
    """JSON schema of the arguments: a flat object, closed."""
    read_only: bool
    destructive: bool
    """Whether it can undo something that the agent has achieved."""
    idempotent: bool
    """Whether calling it again with equal arguments changes nothing more."""
    function: Callable[..., Any]
    """The method, unbound."""
    parameters: tuple[str, ...]
    """Published argument names, in the signature's order."""
    _validate: Callable[[Any], dict[str, Any]]
    _optional: frozenset[str]
    _renamed: Mapping[str, str]

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments and give them the method's own parameter names.

        Null and absent mean the same for an optional argument. Values are not converted.

        Raises:
            BadArguments: names every argument that is missing, unknown or of the wrong type.
        """
        if None in arguments.values():
            arguments = {k: v for k, v in arguments.items() if v is not None or k not in self._optional}
        try:
            bound = self._validate(arguments)
        except ValidationError as error:
            raise BadArguments(self._explain(error)) from None
        if self._renamed:
            return {self._renamed.get(name, name): value for name, value in bound.items()}
        return bound

    def _explain(self, error: ValidationError) -> str:
        found = "; ".join(dict.fromkeys(self._complaint(e) for e in error.errors(include_url=False)))
        takes = ", ".join(self.parameters) if self.parameters else "no arguments"
        return f"bad arguments: {found}. {self.name} takes {takes}."

    def _complaint(self, error: Any) -> str:
        name = ".".join(str(part) for part in error["loc"]) or "arguments"
        if error["type"] == "missing":
            return f"{name!r} is missing ({self._expected(name)})"
        if error["type"] == "extra_forbidden":
            return f"there is no argument {name!r}"
        shown = repr(error["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return f"{name!r} is {shown}, expected {self._expected(name) or error['msg']}"

    def _expected(self, name: str) -> str:
        schema = self.schema["properties"].get(name.split(".")[0], {})
        if "enum" in schema:
            return "one of " + ", ".join(map(str, schema["enum"]))
        if schema.get("type") == "array":
            return f"a list of {schema.get('items', {}).get('type', 'value')}s"
        return str(schema.get("type", ""))


@overload
def action(function: F, /) -> F: ...
@overload
def action(
    *, read_only: bool = False, destructive: bool = False, idempotent: bool = False
) -> Callable[[F], F]: ...
def action(
    function: Any = None, /, *, read_only: bool = False, destructive: bool = False, idempotent: bool = False
) -> Any:
    """Publish a method of a `ToolEnv` as an action.

    The signature gives the argument types (scalars, `Literal`, lists of scalars, each also optional), the docstring
    the description and, under `Args:`, what each argument means. A trailing underscore is dropped in the published
    name: `from_` becomes `from`.
    """

    def mark(method: Any) -> Any:
        setattr(method, _MARK, {"read_only": read_only, "destructive": destructive, "idempotent": idempotent})
        return method

    return mark if function is None else mark(function)


def collect_actions(cls: type) -> dict[str, Action]:
    """The actions of a class by published name, in the order of definition, inherited ones first."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        for name, member in vars(owner).items():
            if hasattr(member, _MARK):
                found[name] = member
            elif name in found:
                del found[name]
    return {name.rstrip("_"): make_action(method) for name, method in found.items()}


def make_action(method: Callable[..., Any]) -> Action:
    """Build the published form of a method marked with `@action`.

    Raises:
        TypeError: a parameter has no annotation, or one that has no flat JSON form.
    """
    name = method.__name__.rstrip("_")
    description, argument_texts = _read_docstring(inspect.getdoc(method) or "")
    hints = typing.get_type_hints(method, include_extras=True)
    properties: dict[str, Any] = {}
    required: list[str] = []
    fields: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        published = parameter.name.rstrip("_")
        if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{name}: parameter {parameter.name!r} needs a type annotation and a name of its own")
        hint = _without_none(hints[parameter.name])
        properties[published] = _property_schema(hint, argument_texts.get(parameter.name), parameter.default)
        if parameter.default is parameter.empty:
            required.append(published)
            fields[published] = Required[hint]
        else:
            fields[published] = NotRequired[hint]
        if published != parameter.name:
            renamed[published] = parameter.name
    marks = getattr(method, _MARK)
    return Action(
        name=name,
        description=description,
        schema={
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        read_only=marks["read_only"],
        destructive=marks["destructive"],
        idempotent=marks["idempotent"] or marks["read_only"],
        function=method,
        parameters=tuple(properties),
        _validate=_validator(name, fields),
        _optional=frozenset(set(properties) - set(required)),
        _renamed=renamed,
    )


def _validator(name: str, fields: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    shape = TypedDict(name, fields)  # type: ignore[operator]  # built from the signature at run time
    closed = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))(shape)
    validate: Callable[[Any], dict[str, Any]] = TypeAdapter(closed).validator.validate_python
    return validate


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (Union, types.UnionType):
        rest = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007  # built from a tuple
    return hint


def _property_schema(hint: Any, text: str | None, default: Any) -> dict[str, Any]:
    schema = TypeAdapter(hint).json_schema()
    schema.pop("title", None)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if text:
        schema["description"] = text
    if default is not inspect.Parameter.empty and default is not None:
        schema["default"] = default
    return schema


_ARGUMENT = re.compile(r"^ {4}(\w+)(?: \([^)]*\))?: (.*)$")


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google docstring into its description and the texts of its arguments."""
    description, _, rest = text.partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    current = ""
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break
        if found := _ARGUMENT.match(line):
            current = found[1]
            arguments[current] = found[2].strip()
        elif current and line.strip():
            arguments[current] += " " + line.strip()
    return " ".join(description.split()), arguments
