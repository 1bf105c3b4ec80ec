"""The mutants of a source file: small wrong edits of what decides, none of what is only said; see README.md."""

import ast
import hashlib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

_COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
_COMPUTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TEXT_ARGUMENTS = frozenset({"sentences", "actions", "assumptions", "sources", "evidence_level", "text", "headline"})
_TEXT_FUNCTION = re.compile(r"(.*_)?(text|shown|said|in_words)")
_TEXT_RESULT = re.compile(r"(list|Sequence|Iterable|Iterator|tuple)?\[?str\b.*")
_PLAIN_CONDITIONS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.NamedExpr)
_COMPOUND = (ast.If, ast.While, ast.For, ast.With, ast.Try, ast.Match)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit of one file. Offsets are bytes; lines are those whose running can matter."""

    mutant_id: str
    file: str
    function: str  # qualified name of the outermost function, "" for what runs on import
    function_line: int
    operator: str
    start: int
    end: int
    replacement: str
    line: int
    last_line: int

    def apply(self, source: bytes) -> bytes:
        """Return the source with the edit."""
        return source[: self.start] + self.replacement.encode() + source[self.end :]


def enums_of(folder: Path) -> dict[str, tuple[str, ...]]:
    """Every enum of the sources with its members in order."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef) and _is_enum(node):
                found[node.name] = tuple(
                    target.id
                    for one in node.body
                    if isinstance(one, ast.Assign)
                    for target in one.targets
                    if isinstance(target, ast.Name)
                )
    return found


def mutants_of(folder: Path, file: str, enums: dict[str, tuple[str, ...]]) -> list[Mutant]:
    """Return the mutants of a file that compile, in the order of the source."""
    source = (folder / file).read_bytes()
    finder = _Finder(file, source, enums)
    finder.run()
    unique = {one.mutant_id: one for one in finder.found if _compiles(one.apply(source))}
    return sorted(unique.values(), key=lambda one: (one.start, one.end, one.replacement))


def is_text(node: ast.AST) -> bool:
    """Return True if the node holds words for people: an f-string, or a constant with a blank."""
    return any(
        isinstance(one, ast.JoinedStr)
        or (isinstance(one, ast.Constant) and isinstance(one.value, str) and " " in one.value)
        for one in ast.walk(node)
    )


def _is_word(node: ast.expr) -> bool:
    """Return True if the node replaces a missing text: `text or "the product"`."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


def is_text_function(node: ast.FunctionDef) -> bool:
    """Return True if the function is declared to return text and returns or yields words for people."""
    if node.returns is None or not _TEXT_RESULT.fullmatch(ast.unparse(node.returns)):
        return False
    given = [one.value for one in ast.walk(node) if isinstance(one, (ast.Return, ast.Yield)) and one.value is not None]
    return any(is_text(one) for one in given) or _TEXT_FUNCTION.fullmatch(node.name) is not None


def _is_enum(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id.endswith(("Enum", "Flag")) for base in node.bases)


def _compiles(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _speaks(statements: Iterable[ast.stmt]) -> bool:
    """Every statement only puts words together."""
    return all(
        isinstance(one, (ast.Expr, ast.Assign, ast.AugAssign, ast.Return)) and is_text(one) for one in statements
    )


class _Finder:
    def __init__(self, file: str, source: bytes, enums: dict[str, tuple[str, ...]]) -> None:
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._enums = enums
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._scope: list[str] = []
        self._function: ast.FunctionDef | None = None
        self._function_name = ""
        self._lines = (1, 1)
        self._anchor = (0, "")  # start and source of the function, or of the statement that runs on import

    def run(self) -> None:
        self._statements(ast.parse(self._source).body)

    # places

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._at(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _said(self, node: ast.expr | ast.stmt) -> str:
        return self._source[self._start(node) : self._end(node)].decode()

    def _add(self, operator: str, start: int, end: int, replacement: str) -> None:
        begin, anchor = self._anchor
        named = f"{self._file}|{self._function_name}|{anchor}|{start - begin}|{end - begin}|{replacement}"
        self.found.append(
            Mutant(
                mutant_id=hashlib.sha256(named.encode()).hexdigest()[:8],
                file=self._file,
                function=self._function_name,
                function_line=_first_line(self._function) if self._function else 0,
                operator=operator,
                start=start,
                end=end,
                replacement=replacement,
                line=self._lines[0],
                last_line=self._lines[1],
            )
        )

    def _replace(self, operator: str, node: ast.expr | ast.stmt, replacement: str) -> None:
        self._add(operator, self._start(node), self._end(node), replacement)

    def _between(self, operator: str, left: ast.expr, right: ast.expr, was: str, becomes: str) -> None:
        """Replace an operator that stands between two operands."""
        begin, end = self._end(left), self._start(right)
        word = rf"\b{was}\b" if was[0].isalpha() else re.escape(was)
        match = re.search(word.encode(), self._source[begin:end])
        if match:
            self._add(operator, begin + match.start(), begin + match.end(), becomes)

    # statements

    def _statements(self, statements: Iterable[ast.stmt]) -> None:
        for one in statements:
            self._statement(one)

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912  # one case a kind of statement
        if self._function is None and not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            self._anchor = (self._start(node), self._said(node))
        if isinstance(node, _COMPOUND):
            self._compound(node)
            return
        self._lines = (node.lineno, node.end_lineno or node.lineno)
        match node:
            case ast.FunctionDef():
                self._def(node)
            case ast.ClassDef():
                if not _is_enum(node) or any(isinstance(one, ast.FunctionDef) for one in node.body):
                    self._scope.append(node.name)
                    members = (ast.FunctionDef,) if _is_enum(node) else (ast.stmt,)
                    self._statements(one for one in node.body if isinstance(one, members))
                    self._scope.pop()
            case ast.Return(value=value) if value is not None:
                if not is_text(value) and not (isinstance(value, ast.Constant) and value.value in (None, True, False)):
                    self._replace("returned value", value, "None")
                self._visit(value)
            case ast.Expr(value=value):
                if isinstance(value, (ast.Call, ast.Yield, ast.YieldFrom)) and not is_text(value):
                    self._replace("statement removed", node, "None")
                self._visit(value)
            case ast.AugAssign():
                self._augmented(node)
                self._visit(node.value)
            case ast.Assign() | ast.Delete():
                for child in ast.iter_child_nodes(node):
                    self._visit(child)
            case ast.AnnAssign(value=value) if value is not None:
                self._visit(value)
            case ast.Continue():
                self._replace("loop", node, "break")
            case ast.Break():
                self._replace("loop", node, "continue")
            case _:
                pass  # imports, raise and what is said with it, pass, type aliases

    def _compound(self, node: ast.stmt) -> None:
        header: list[ast.AST] = []
        bodies: list[Sequence[ast.stmt]] = []
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                header = [] if _speaks([*body, *orelse]) else [test]
                bodies = [body, orelse]
            case ast.While(test=test, body=body, orelse=orelse):
                header, bodies = [test], [body, orelse]
            case ast.For(iter=iterated, body=body, orelse=orelse):
                header, bodies = [iterated], [body, orelse]
            case ast.With(items=items, body=body):
                header, bodies = [item.context_expr for item in items], [body]
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                bodies = [body, *(handler.body for handler in handlers), orelse, final]
            case ast.Match(subject=subject, cases=cases):
                header, bodies = [subject], [case.body for case in cases]
        self._lines = (node.lineno, max(node.lineno, bodies[0][0].lineno - 1))
        if isinstance(node, (ast.If, ast.While)) and header:
            self._condition(node.test)
        for one in header:
            self._visit(one)
        for statements in bodies:
            self._statements(statements)

    def _def(self, node: ast.FunctionDef) -> None:
        if self._function is not None:
            self._statements(node.body)
            return
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self._anchor = (self._start(default), f"{node.name}={self._said(default)}")
                self._visit(default)
        if is_text_function(node):
            return
        self._function, self._function_name = node, ".".join((*self._scope, node.name))
        self._anchor = (self._start(node), self._said(node))
        self._statements(node.body)
        self._function, self._function_name = None, ""

    def _augmented(self, node: ast.AugAssign) -> None:
        if type(node.op) in _COMPUTED and not is_text(node.value):
            was, becomes = _COMPUTED[type(node.op)]
            self._between("arithmetic", node.target, node.value, f"{was}=", f"{becomes}=")

    # expressions

    def _visit(self, node: ast.AST) -> None:  # noqa: C901, PLR0912  # one case a kind of expression
        match node:
            case ast.JoinedStr():
                return
            case ast.Call():
                self._call(node)
                return
            case ast.IfExp():
                if is_text(node.body) or is_text(node.orelse):
                    return
                self._condition(node.test)
            case ast.Compare():
                self._compare(node)
            case ast.BoolOp(op=op, values=values):
                was, becomes = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for left, right in itertools.pairwise(values):
                    if not _is_word(right):
                        self._between("logic", left, right, was, becomes)
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                match_ = re.match(rb"not\b\s*|-\s*", self._source[self._start(node) : self._start(operand)])
                if match_:
                    self._add("negation", self._start(node), self._start(node) + match_.end(), "")
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _COMPUTED:
                if not is_text(node) and not self._is_type(node):
                    self._between("arithmetic", left, right, *_COMPUTED[type(op)])
            case ast.Constant(value=value):
                self._constant(node, value)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in self._enums.get(name, ()):
                members = self._enums[name]
                other = members[(members.index(attr) + 1) % len(members)]
                self._replace("member", node, f"{name}.{other}")
                return
            case ast.comprehension(ifs=ifs):
                for one in ifs:
                    self._condition(one)
            case _:
                pass
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.expr_context, ast.operator, ast.cmpop)):
                self._visit(child)

    def _is_type(self, node: ast.BinOp) -> bool:
        return self._function is None and isinstance(node.op, ast.BitOr)

    def _condition(self, test: ast.expr) -> None:
        if isinstance(test, _PLAIN_CONDITIONS):
            self._replace("condition", test, f"not ({self._said(test)})")

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if _TEXT_FUNCTION.fullmatch(name):
            return
        if name in _SWAPPED:
            self._replace("swapped call", node.func, _SWAPPED[name])
        if name == "Decimal" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            self._number_in_words(node.args[0])
        self._visit(node.func)
        for argument in node.args:
            self._visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in _TEXT_ARGUMENTS:
                self._visit(keyword.value)

    def _number_in_words(self, node: ast.Constant) -> None:
        try:
            number = Decimal(str(node.value)) + 1
        except InvalidOperation:
            return
        if isinstance(node.value, str):
            self._replace("number", node, f'"{number}"')

    def _constant(self, node: ast.Constant, value: object) -> None:
        if isinstance(value, bool):
            self._replace("truth value", node, str(not value))
        elif isinstance(value, (int, float)):
            self._replace("number", node, str(value + 1))

    def _compare(self, node: ast.Compare) -> None:
        left = node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            was, becomes = _COMPARED[type(op)]
            self._between("comparison", left, right, was, becomes)
            left = right
        for one in (node.left, *node.comparators):
            members = one.elts if isinstance(one, (ast.Tuple, ast.Set, ast.List)) else [one]
            for member in members:
                if isinstance(member, ast.Constant) and isinstance(member.value, str) and not is_text(member):
                    self._replace("compared word", member, repr(f"{member.value}~"))


def _first_line(node: ast.FunctionDef) -> int:
    """Where its code object begins: at the first decorator."""
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])
