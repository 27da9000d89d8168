"""Action: a typed method that an agent may call; signature and docstring give its JSON schema."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, overload

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from practicum.envs.errors import BadArguments, shortened

F = TypeVar("F", bound=Callable[..., Any])

Secret = Annotated[str, Field(json_schema_extra={"writeOnly": True})]
"""A text argument that is never printed or exported: a card token, a key, a password.

Another type is marked in the same way: `Annotated[int, Field(json_schema_extra={"writeOnly": True})]`.
"""

MOST_UNKNOWN = 20
"""Unknown arguments that are named one by one."""
MOST_SHOWN = 60
"""Characters that are shown of a name or value which is refused."""
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
    _validate: Callable[[Any], dict[str, Any]] = field(repr=False)
    _optional: frozenset[str] = field(repr=False)
    _renamed: Mapping[str, str] = field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return make_action, (self.function, self.name)

    def __deepcopy__(self, memo: object) -> Action:
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the arguments that are never printed, each marked itself or in its items."""
        return tuple(name for name, schema in self.schema["properties"].items() if _is_secret(schema))

    def bind(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments and give them the method's own parameter names.

        Null and absent mean the same for an optional argument. Values are not converted, except that `1.0` is
        an integer, as in JSON Schema.

        Raises:
            BadArguments: names every argument that is missing, unknown or of the wrong type; of very many
                unknown ones the first.
        """
        if len(arguments) > len(self.parameters) + MOST_UNKNOWN:
            raise BadArguments(self._explain_many(arguments))
        if None in arguments.values():
            arguments = {k: v for k, v in arguments.items() if v is not None or k not in self._optional}
        elif type(arguments) is not dict:
            arguments = dict(arguments)
        try:
            bound = self._validate(arguments)
        except ValidationError as error:
            bound = self._bind_whole_numbers(arguments, error)
        if self._renamed:
            return {self._renamed.get(name, name): value for name, value in bound.items()}
        return bound

    def _bind_whole_numbers(self, arguments: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
        try:
            return self._validate(_with_integers(arguments, self.schema["properties"]))
        except ValidationError:
            raise BadArguments(self._explain(error)) from None

    def _explain(self, error: ValidationError) -> str:
        found = "; ".join(dict.fromkeys(self._complaint(e) for e in error.errors(include_url=False)))
        takes = ", ".join(self.parameters) if self.parameters else "no arguments"
        return f"bad arguments: {found}. {self.name} takes {takes}."

    def _explain_many(self, arguments: Mapping[str, Any]) -> str:
        unknown = [name for name in arguments if name not in self.parameters]
        first = ", ".join(repr(shortened(name, MOST_SHOWN)) for name in unknown[:3])
        takes = ", ".join(self.parameters) if self.parameters else "no arguments"
        more = len(unknown) - 3
        return f"bad arguments: there are no arguments {first} and {more} more. {self.name} takes {takes}."

    def _complaint(self, error: Any) -> str:
        name = ".".join(str(part) for part in error["loc"]) if error["loc"] else "arguments"
        name = shortened(name, MOST_SHOWN)
        if error["type"] == "missing":
            return f"{name!r} is missing ({self._type_name(name)})"
        if error["type"] == "extra_forbidden":
            return f"there is no argument {name!r}"
        return f"{name!r} {self._shown(name, error['input'])}, expected {self._expected(name, error)}"

    def _shown(self, name: str, value: Any) -> str:
        if _is_secret(self._property(name)):
            return "does not fit"
        shown = repr(value)
        return f"is {shown if len(shown) <= MOST_SHOWN else shown[: MOST_SHOWN - 3] + '...'}"

    def _expected(self, name: str, error: Any) -> str:
        if error["type"].endswith(("_type", "literal_error")) and self._property(name):
            return self._type_name(name)
        return str(error["msg"]).replace("Input should be ", "").replace("Value error, ", "")

    def _type_name(self, name: str) -> str:
        schema = self._property(name)
        if "enum" in schema:
            return "one of " + ", ".join(map(str, schema["enum"]))
        if schema["type"] == "array" and "." not in name:
            return f"a list of {schema['items'].get('type', 'value')}s"
        return str(schema.get("items", schema)["type"])

    def _property(self, name: str) -> dict[str, Any]:
        """Schema of the argument that a dotted place such as `tags.0` lies in."""
        found: dict[str, Any] = self.schema["properties"].get(name.split(".")[0], {})
        return found


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("writeOnly") or schema.get("items", {}).get("writeOnly"))


def _with_integers(arguments: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with `1.0` as `1` where an integer is asked for."""
    return {name: _as_integer(value, schemas.get(name, {})) for name, value in arguments.items()}


def _as_integer(value: Any, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "array" and isinstance(value, list):
        return [_as_integer(item, schema["items"]) for item in value]
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and schema.get("type") == "integer" else value


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

    The signature gives the argument types (scalars, `Literal`, lists of scalars, each also optional), the
    docstring the description and, under `Args:`, what each argument means. A trailing underscore is dropped
    in the published name: `from_` becomes `from`.
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
    return {name.rstrip("_"): make_action(method, name) for name, method in found.items()}


def make_action(method: Callable[..., Any], name: str | None = None) -> Action:
    """Build the published form of a method marked with `@action`; its name is the method's unless given.

    Raises:
        TypeError: a parameter has no annotation, or one that has no flat JSON form.
    """
    name = (name or method.__name__).rstrip("_")
    description, texts = _read_docstring(inspect.getdoc(method) or "")
    arguments = {p.name.rstrip("_"): p for p in list(inspect.signature(method).parameters.values())[1:]}
    hints = _flat_hints(name, method, list(arguments.values()))
    required = [published for published, p in arguments.items() if p.default is p.empty]
    shape = _shape(name, dict(zip(arguments, hints, strict=True)), required)
    bare = shape.json_schema()["properties"]
    marks = getattr(method, _MARK)
    return Action(
        name=name,
        description=description,
        schema={
            "type": "object",
            "properties": {
                published: _property(bare[published], texts.get(p.name) or texts.get(published), p.default)
                for published, p in arguments.items()
            },
            "required": required,
            "additionalProperties": False,
        },
        read_only=marks["read_only"],
        destructive=marks["destructive"],
        idempotent=marks["idempotent"] or marks["read_only"],
        function=method,
        parameters=tuple(arguments),
        _validate=shape.validator.validate_python,
        _optional=frozenset(set(arguments) - set(required)),
        _renamed={published: p.name for published, p in arguments.items() if published != p.name},
    )


def _shape(name: str, hints: Mapping[str, Any], required: Collection[str]) -> TypeAdapter[dict[str, Any]]:
    fields = {k: Required[hint] if k in required else NotRequired[hint] for k, hint in hints.items()}
    shape = TypedDict(name, fields)  # type: ignore[misc]  # built from the signature at run time
    closed: Any = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))(shape)
    return TypeAdapter(closed)


def _flat_hints(name: str, method: Callable[..., Any], parameters: list[inspect.Parameter]) -> list[Any]:
    """The annotation of each parameter, None taken out of it."""
    hints = typing.get_type_hints(method, include_extras=True)
    flat: list[Any] = []
    for parameter in parameters:
        if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"{name}: parameter {parameter.name!r} needs a type annotation and a name of its own"
            )
        hint = _without_none(hints[parameter.name])
        if not (_is_scalar(hint) or _is_container(hint)):
            raise TypeError(
                f"{name}: parameter {parameter.name!r} is {hint}, which has no flat JSON form; "
                "use str, int, float, bool, Literal or a list of one of these"
            )
        flat.append(_without_true_as_one(hint))
    return flat


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (Union, types.UnionType):
        rest = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007  # built from a tuple
    return hint


def _bare(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def _is_scalar(hint: Any) -> bool:
    hint = _bare(hint)
    if typing.get_origin(hint) is Literal:
        return {type(value) for value in typing.get_args(hint)} in ({str}, {int})
    return hint in (str, int, float, bool)


def _is_container(hint: Any) -> bool:
    """A list of scalars, or an open object (which the lint leaves to `run_skill` alone)."""
    hint = _bare(hint)
    if typing.get_origin(hint) is list:
        return _is_scalar(typing.get_args(hint)[0])
    return typing.get_origin(hint) is dict


def _without_true_as_one(hint: Any) -> Any:
    """Keep a `Literal` of integers from taking True for 1."""
    bare = _bare(hint)
    if typing.get_origin(bare) is list:
        guarded: Any = list.__class_getitem__(_without_true_as_one(typing.get_args(bare)[0]))
    elif typing.get_origin(bare) is Literal and isinstance(typing.get_args(bare)[0], int):
        guarded = Annotated[bare, BeforeValidator(_no_bool)]
    else:
        return hint
    return Annotated[(guarded, *hint.__metadata__)] if bare is not hint else guarded


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number, not a boolean")  # noqa: TRY004  # pydantic reports a ValueError
    return value


def _property(bare: Mapping[str, Any], text: str | None, default: Any) -> dict[str, Any]:
    schema = {key: value for key, value in bare.items() if key != "title"}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if text:
        schema["description"] = text
    if default is not inspect.Parameter.empty and default is not None:
        schema["default"] = default
    return schema


_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Note):$", re.MULTILINE)
_ARGUMENT = re.compile(r"^ {4}(\w+)(?: \([^)]*\))?:(.*)$")


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google docstring into its description and the texts of its arguments."""
    description, *sections = _SECTION.split(text)
    bodies = dict(zip(sections[::2], sections[1::2], strict=True))
    arguments: dict[str, str] = {}
    current = ""
    for line in bodies.get("Args", "").splitlines():
        if found := _ARGUMENT.match(line):
            current = found[1]
            arguments[current] = found[2].strip()
        elif current and line.strip():
            arguments[current] = f"{arguments[current]} {line.strip()}".strip()
    return " ".join(description.split()), arguments
