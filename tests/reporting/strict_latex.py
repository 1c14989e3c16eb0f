"""A reader of LaTeX tables that forgives nothing: braces and environments balance, no sign has a meaning that was not meant."""

import re


def check(text: str) -> list[list[str]]:
    """The cells of each line of a table; raises AssertionError for what would not compile or would print something else."""
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[\\{}$&#_%,]", "", code)
    depth = 0
    for sign in bare:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0, "a brace too many closes"
    assert depth == 0, "a brace is left open"
    assert not set("$#_%~^") & set(bare), "an unescaped sign"
    assert "{tabular}" in code
    opened = re.findall(r"\\(begin|end)\{([a-z*]+)\}", code)
    stack: list[str] = []
    for what, name in opened:
        if what == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    body = code.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line.removesuffix(r"\\").strip() for line in body.splitlines() if line.endswith(r"\\")]
    assert not any(re.search(r"\\\\\s*[\[*]", line) for line in lines)
    return [re.split(r"(?<!\\) ?&", line) for line in lines]
