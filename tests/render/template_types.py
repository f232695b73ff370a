"""A reader of templates that knows types: which field of which view each expression reads.

It walks the syntax trees as Jinja parses them, from `ReportContext` through loops, macros and
imports, so that a field that no template shows and a name that no view has are both found without
rendering anything.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union, get_args, get_origin

import jinja2
import jinja2.nodes as nodes

Types = dict[str, Any]
UNTYPED = Any  # what is not followed: strings, numbers, `loop`


class Reader:
    """Reads templates of one environment; *read* and *missing* are (class, field) and messages."""

    def __init__(self, environment: jinja2.Environment, context: type) -> None:
        self.environment = environment
        self.context: Types = dict(typing.get_type_hints(context))
        self.read: set[tuple[type, str]] = set()
        self.missing: set[str] = set()
        self.names: set[str] = set()
        self._trees: dict[str, nodes.Template] = {}
        self._done: set[tuple[Any, ...]] = set()

    def template(self, name: str) -> None:
        """Read the template *name* with all that it includes, extends and imports."""
        self._name = name
        self._body(self._tree(name).body, {})

    def _tree(self, name: str) -> nodes.Template:
        if name not in self._trees:
            loader = self.environment.loader
            assert loader is not None
            source = loader.get_source(self.environment, name)[0]
            self._trees[name] = self.environment.parse(source)
        return self._trees[name]

    # ---- statements

    def _body(self, body: Iterable[nodes.Node], scope: Types) -> None:
        for node in body:
            handle: Callable[[Any, Types], None] = getattr(
                self, f"_on_{type(node).__name__.lower()}", self._on_other
            )
            handle(node, scope)

    def _on_other(self, node: nodes.Node, scope: Types) -> None:
        if isinstance(node, nodes.Expr):
            self._type(node, scope)
            return
        assert isinstance(node, nodes.TemplateData), f"not followed: {type(node).__name__}"

    def _on_output(self, node: nodes.Output, scope: Types) -> None:
        self._body(node.nodes, scope)

    def _on_block(self, node: nodes.Block, scope: Types) -> None:
        self._body(node.body, scope)

    def _on_scope(self, node: nodes.Scope, scope: Types) -> None:
        self._body(node.body, dict(scope))

    def _on_if(self, node: nodes.If, scope: Types) -> None:
        self._type(node.test, scope)
        self._body([*node.body, *node.elif_, *node.else_], scope)

    def _on_for(self, node: nodes.For, scope: Types) -> None:
        inner = {**scope, "loop": UNTYPED}
        self._bind(node.target, _item(self._type(node.iter, scope)), inner)
        self._body(node.body, inner)
        self._body(node.else_, scope)

    def _on_assign(self, node: nodes.Assign, scope: Types) -> None:
        self._bind(node.target, self._type(node.node, scope), scope)

    def _on_macro(self, node: nodes.Macro, scope: Types) -> None:
        scope[node.name] = (node, scope)

    def _on_fromimport(self, node: nodes.FromImport, scope: Types) -> None:
        assert isinstance(node.template, nodes.Const)
        inside: Types = {}
        self._body(self._tree(node.template.value).body, inside)
        for name in node.names:
            assert isinstance(name, str)
            scope[name] = inside[name]

    def _on_include(self, node: nodes.Include, scope: Types) -> None:
        assert isinstance(node.template, nodes.Const)
        self._body(self._tree(node.template.value).body, dict(scope))

    def _on_extends(self, node: nodes.Extends, scope: Types) -> None:
        assert isinstance(node.template, nodes.Const)
        self._body(self._tree(node.template.value).body, dict(scope))

    def _bind(self, target: nodes.Node, kind: Any, scope: Types) -> None:  # noqa: ANN401
        if isinstance(target, nodes.Tuple):
            kinds = get_args(kind) if get_origin(kind) is tuple else [UNTYPED] * len(target.items)
            for one, own in zip(target.items, kinds, strict=True):
                self._bind(one, own, scope)
        else:
            assert isinstance(target, nodes.Name)
            scope[target.name] = kind

    # ---- expressions

    def _type(self, node: nodes.Node, scope: Types) -> Any:  # noqa: ANN401  # an annotation
        if isinstance(node, nodes.Name):
            return self._of_name(node.name, scope)
        if isinstance(node, nodes.Getattr):
            return self._of_field(self._type(node.node, scope), node.attr)
        if isinstance(node, nodes.Getitem):
            self._type(node.arg, scope)
            return _item(self._type(node.node, scope))
        if isinstance(node, nodes.Call):
            return self._of_call(node, scope)
        kinds = [self._type(one, scope) for one in node.iter_child_nodes()]
        if isinstance(node, nodes.CondExpr):  # test, then, else
            return next((one for one in kinds[1:] if one is not UNTYPED), UNTYPED)
        return UNTYPED

    def _of_name(self, name: str, scope: Types) -> Any:  # noqa: ANN401
        if name in scope:
            return scope[name]
        self.names.add(name)
        if name in self.context:
            return _known(self.context[name])
        if name not in self.environment.globals:
            self.missing.add(f"{self._name}: {name}")
        return UNTYPED

    def _of_field(self, kind: Any, field: str) -> Any:  # noqa: ANN401
        if not dataclasses.is_dataclass(kind):
            return UNTYPED
        assert isinstance(kind, type)
        hints = typing.get_type_hints(kind)
        self.read.add((kind, field))
        if field not in hints:
            self.missing.add(f"{self._name}: {kind.__name__}.{field}")
            return UNTYPED
        return _known(hints[field])

    def _of_call(self, node: nodes.Call, scope: Types) -> Any:  # noqa: ANN401
        given = [self._type(one, scope) for one in node.args]
        called = self._type(node.node, scope)
        if isinstance(called, tuple) and isinstance(called[0], nodes.Macro):
            macro, defined_in = called
            asked = (id(macro), *map(str, given))
            if asked not in self._done:
                self._done.add(asked)
                names = [one.name for one in macro.args]
                self._body(macro.body, {**defined_in, **dict(zip(names, given, strict=False))})
        return UNTYPED


def _known(kind: Any) -> Any:  # noqa: ANN401  # an annotation
    """Return an annotation without null: templates ask before they read."""
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = [one for one in get_args(kind) if one is not type(None)]
    return kind


def _item(kind: Any) -> Any:  # noqa: ANN401  # an annotation
    """Return what a loop over *kind* gives."""
    if get_origin(kind) in (list, tuple):
        return _known(get_args(kind)[0])
    if get_origin(kind) is dict:
        return _known(get_args(kind)[1])
    return UNTYPED


def reachable(kind: Any, found: set[type] | None = None) -> set[type]:  # noqa: ANN401
    """Return the dataclasses that an annotation leads to."""
    found = set() if found is None else found
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind not in found:
            found.add(kind)
            for hint in typing.get_type_hints(kind).values():
                reachable(hint, found)
        return found
    for one in get_args(kind):
        reachable(one, found)
    return found


def fields_of(kinds: Iterable[type]) -> Mapping[tuple[type, str], str]:
    """Return (class, field) to a name for messages, for each dataclass of *kinds*."""
    return {
        (kind, item.name): f"{kind.__name__}.{item.name}"
        for kind in kinds
        for item in dataclasses.fields(kind)
    }
