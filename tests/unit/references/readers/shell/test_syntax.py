"""Shell scripts as trees: what holds what, and what is noted as wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from xraydiff.references.readers.shell.syntax import ShellScript, Syntax, parse

SCRIPTS = Path(__file__).parents[4] / "integration" / "scripts"


def _parse(text: str) -> ShellScript:
    return parse(text, depth=100, steps=10_000)


def _shape(text: str) -> str:
    """A tree as `kind[children]`, words without children by their text."""
    script = _parse(text)

    def shape(node: Syntax) -> str:
        inside = " ".join(shape(child) for child in node.children)
        if node.kind == "word":
            return text[node.start : node.end]
        return f"{node.kind}[{inside}]" if inside else f"{node.kind}({text[node.start : node.end]})"

    return " ".join(shape(child) for child in script.root.children)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a b", "command[a b]"),
        ("a; b\nc &", "command[a] command[b] command[c]"),
        ("a | b && c || d", "list[pipeline[command[a] command[b]] command[c] command[d]]"),
        ("a |\n\n b", "pipeline[command[a] command[b]]"),
        ("! a && ! b", "list[command[a] command[b]]"),
        ("'x' \"y\"", "command[raw_string('x') string(\"y\")]"),
        ('a"$b"c', "command[concatenation[a string[simple_expansion($b)] c]]"),
        ("a $'b\\'c'", "command[a ansi_c_string($'b\\'c')]"),
        ('${a:-"$b"}', "command[expansion[string[simple_expansion($b)]]]"),
        ("a $((1 + $b))", "command[a arithmetic_expansion[simple_expansion($b)]]"),
        ("a $( (b); c)", "command[a command_substitution[subshell[command[b]] command[c]]]"),
        ("a $((b) | c)", "command[a command_substitution[pipeline[subshell[command[b]] command[c]]]]"),
        ("((a++))", "arithmetic(((a++)))"),
        ("((a) | b)", "subshell[pipeline[subshell[command[a]] command[b]]]"),
        ("a=b c=(d e) f", "command[variable_assignment[b] variable_assignment[array[d e]] f]"),
        ("a[$i]=b", "command[variable_append[array[b]]]"),
        ("export a=b c", "declaration_command[export variable_assignment[b] c]"),
        ("a >b 2>&1 <<<c", "command[a file_redirect[b] file_redirect[1] herestring_redirect[c]]"),
        ("a &>b", "command[a file_redirect[b]]"),
        ("a <(b) >(c)", "command[a process_substitution[command[b]] process_substitution[command[c]]]"),
        ("{ a; } >b", "redirected_statement[compound_statement[command[a]] file_redirect[b]]"),
        ("f() { a; }", "function_definition[compound_statement[command[a]]]"),
        ("function f\n{ a; }", "function_definition[compound_statement[command[a]]]"),
        ("for a in b c; do d; done", "for_statement[words[b c] do_group[command[d]]]"),
        ("for a do b; done", "for_statement[words() do_group[command[b]]]"),
        ("for ((;;)); do a; done", "c_style_for_statement[arithmetic(((;;))) do_group[command[a]]]"),
        ("while a; do b; done", "while_statement[statements[command[a]] do_group[command[b]]]"),
        (
            "if a; then b; elif c; then d; else e; fi",
            (
                "if_statement[clause[statements[command[a]] statements[command[b]]] "
                "clause[statements[command[c]] statements[command[d]]] else_clause[statements[command[e]]]]"
            ),
        ),
        (
            "case a in (b|c) d;; *) e; esac",
            "case_statement[a case_item[words[b c] statements[command[d]]] case_item[words[*] statements[command[e]]]]",
        ),
        ("[[ a == @(b|c) && ( -f d ) ]]", "test_command[a == @(b|c) -f d]"),
        (
            "a <<E b\n$c d\nE\ne",
            "command[a heredoc_redirect[heredoc_body[simple_expansion($c)]] b] command[e]",
        ),
        ("a <<'E'\n$c\nE", "command[a heredoc_redirect[raw_heredoc($c\n)]]"),
        ("a <<-E\n\tb\n\tE\nc", "command[a heredoc_redirect[heredoc_body(\tb\n)]] command[c]"),
        ("a <<E | b\nx\nE\n", "pipeline[command[a heredoc_redirect[heredoc_body(x\n)]] command[b]]"),
        ("a # b\n#c\nd#e", "command[a] command[d#e]"),
        ("echo if then fi }", "command[echo if then fi }]"),
        ("a \\\n b", "command[a b]"),
    ],
)
def test_shapes(text: str, shape: str) -> None:
    assert _shape(text) == shape
    assert _parse(text).error == -1


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("a; )", 3),
        ("if a; then b", 12),
        ("fi", 0),
        ("a 'b", 2),
        ('a "b', 4),
        ("a $(b", 5),
        ("case a in b c", 13),
        ("a <<E\nb", 6),
        ("{ a", 3),
        ("for a in b; done", 12),
    ],
)
def test_where_it_does_not_parse(text: str, at: int) -> None:
    assert _parse(text).error == at


def test_what_follows_an_error_is_there() -> None:
    assert _shape("a; fi; b") == "command[a] command[b]"
    assert _shape("while a; do if b; done; c").endswith("command[c]")


def test_bounds_keep_what_stands_before() -> None:
    deep = parse("a\n" + "{ " * 50 + "b", depth=10, steps=1_000)
    assert (deep.stopped, len(deep.root.children)) == ("too-deep", 1)
    large = parse("a\n" * 100, depth=10, steps=60)
    assert large.stopped == "too-large"
    assert 0 < len(large.root.children) < 100


def test_our_entrypoint_scripts_parse() -> None:
    scripts = sorted(SCRIPTS.glob("*.sh"))
    assert len(scripts) == 6
    for path in scripts:
        script = parse(path.read_text(), depth=1_000, steps=100_000)
        assert (script.error, script.stopped) == (-1, ""), path.name


def test_scripts_of_this_machine_parse_as_bash_parses_them() -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    wrong: list[str] = []
    read = 0
    for path in sorted([*Path("/usr/bin").iterdir(), *Path("/etc/init.d").iterdir()]):
        if not path.is_file() or path.stat().st_size > 1 << 17:
            continue
        first, _, _ = path.read_bytes().partition(b"\n")
        if not first.startswith(b"#!") or first.split(b"/")[-1].split(b" ")[0] not in (b"sh", b"bash", b"dash"):
            continue
        if subprocess.run([bash, "-n", path], check=False, capture_output=True).returncode:
            continue
        read += 1
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if parse(text, depth=1_000, steps=200_000).error >= 0:
            wrong.append(path.name)
    # A program in another language behind `eval 'exec perl ...'` is not to be told from a script.
    assert len(wrong) <= read // 100, wrong
