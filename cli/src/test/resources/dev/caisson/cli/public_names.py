"""Prints the public names of Python files: classes, functions, constants, and the members of classes.

Imports nothing of them. Arguments: the files.
"""
import ast
import sys

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_plumbing(value):
    """Loggers and type variables are for the file itself."""
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith(("getLogger", "TypeVar"))


def assigned(node):
    if isinstance(node, ast.Assign) and not is_plumbing(node.value):
        return node.targets
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    return []


def variables(body):
    return [target.id for node in body for target in assigned(node) if isinstance(target, ast.Name)]


def attributes(function):
    return [
        target.attr
        for node in ast.walk(function)
        for target in assigned(node)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    ]


def members(cls):
    functions = [node for node in cls.body if isinstance(node, FUNCTIONS)]
    names = variables(cls.body) + [function.name for function in functions]
    for function in functions:
        if function.name == "__init__":
            names += attributes(function)
    return names


def names(tree):
    yield from variables(tree.body)
    for node in tree.body:
        if isinstance(node, FUNCTIONS):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{member}" for member in members(node))


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def main(files):
    for file in files:
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
        for name in dict.fromkeys(filter(is_public, names(tree))):
            print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
