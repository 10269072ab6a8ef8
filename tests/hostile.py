"""Specs and paths written to harm: what a stranger could give to archc."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Callable
from pathlib import Path

HEAD = "archc: 1\nname: net\ninput: {channels: 3, height: 32, width: 32}\n"
RELU = "stages: [{type: relu}]\n"


def lines(template: str, count: int) -> str:
    """`template` once for each number: `#` is the number, `@` the one before it."""
    return "".join(template.replace("#", str(at + 1)).replace("@", str(at)) for at in range(count))


def param(expression: str) -> str:
    return f"{HEAD}params: {{a: '${{{expression}}}'}}\n{RELU}"


TEXTS: dict[str, str] = {
    # YAML
    "open lists": "[" * 200_000,
    "open mappings": "{" * 200_000,
    "items in items": "- " * 100_000,
    "keys in keys": "? " * 100_000,
    "alias bomb": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + lines("a#: &a# [*a@, *a@, *a@, *a@, *a@, *a@, *a@, *a@, *a@]\n", 9),
    "alias ladder": "a0: &a0 " + "[" * 28 + "]" * 28 + "\n" + lines("a#: &a# " + "[" * 28 + "*a@" + "]" * 28 + "\n", 60),
    "alias in itself": "a: &a [*a]\n",
    "alias of a key": "&a [x]: 1\n",
    "many aliases": "a: &a 1\nb: [" + "*a, " * 200 + "]\n",
    "many keys": lines("key#: 1\n", 12_000),
    "the same key": "key: 1\n" * 20_000,
    "tag": "a: !!python/object/apply:os.system [true]\n",
    "tag directive": "%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system\n",
    "merge keys": "a: &a {b: 1}\n<<: *a\n",
    "documents": "a: 1\n---\n" * 1000,
    "long word": "name: " + "a" * 200_000,
    "long name": HEAD + "stages: [{type: relu, name: " + "a" * 4000 + "}]\n",
    "long type": HEAD + "stages: [{type: " + "a" * 4000 + "}]\n",
    "long key": HEAD + "stages: [{type: relu, " + "a" * 1000 + ": 1}]\n",
    "integer": HEAD + "params: {a: " + "9" * 4000 + "}\n" + RELU,
    "float": HEAD + "params: {a: 1e" + "9" * 4000 + "}\n" + RELU,
    "channels": HEAD + "stages: [" + "{type: conv, out_channels: 2147483647, kernel_size: 1}, " * 3 + "]\n",
    "kernel": HEAD + "stages: [{type: conv, out_channels: 1, kernel_size: 2147483647, padding: 1073741823}]\n",
    "padding": HEAD + "stages: [{type: pad, padding: 2147483647}]\n",
    "upsampling": HEAD + "stages: [{type: upsample, scale_factor: 2147483647, repeat: 500}]\n",
    "input": "archc: 1\nname: n\ninput: {channels: 2147483647, height: 1048576, width: 1048576}\n" + RELU,
    "copies": HEAD + "stages: [{type: relu, repeat: 1000000000}]\n",
    "copies of copies": HEAD + "stages: [{repeat: 1000, stages: [{repeat: 1000, stages: [{type: relu}]}]}]\n",
    "copies of nothing": HEAD + "stages: [{repeat: 10000, stages: [{repeat: 10000, stages: [{type: relu, when: false}]}]}]\n",
    "copies in the list": HEAD + "stages: [{inline: true, repeat: 9999, stages: [{inline: true, repeat: 9999, stages: [{type: relu}]}]}]\n",
    "copies of a block": HEAD + "stages: [{type: residual, out_channels: 3, repeat: 10000}]\n",
    "chain of blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}]}\n", 2000) + "stages: [{type: b0}]\n",
    "doubling blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}, {type: b#}]}\n", 20) + "  b20: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "groups in blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [" + "{stages: [" * 12 + "{type: b#}" + "]}" * 12 + "]}\n", 30) + "  b30: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "blocks in a circle": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}]}\n", 20) + "  b20: {stages: [{type: b0}]}\nstages: [{type: b0}]\n",
    "params of a block": HEAD + "blocks:\n  b:\n    params:\n" + lines("      p#: #\n", 3000) + "    stages: [{type: relu}]\nstages: [{type: b, p0: $i, repeat: 3000}]\n",
    "inputs of a merge": HEAD + "stages: [{name: a, repeat: 9000, type: relu}, {type: concat, from: [" + "a.*, " * 5000 + "]}]\n",
    "widening concats": HEAD + "stages:\n  - {name: x0, type: relu}\n" + lines("  - {name: x#, type: concat, from: [x@, x@, x@, x@, x@, x@, x@, x@]}\n", 30),
    "unknown references": HEAD + "stages:\n" + lines("  - {name: name#, type: relu, from: nmae#}\n", 5000),
    "unknown types": HEAD + "stages:\n" + lines("  - {type: rleu#}\n", 8000),
    "unknown variables": HEAD + "params:\n" + lines("  a#: $ab#\n", 10_000) + RELU,
    "a list of 10,000": HEAD + "params: {a: [" + "1, " * 10_000 + "]}\n" + RELU,
    "sums of long lists": HEAD + "params: {a: [" + "1, " * 1000 + "]}\nstages: [{repeat: 5000, type: conv, kernel_size: 1, out_channels: '${sum(a) + sum(a) + i}'}]\n",
    "lists in lists": HEAD + "params:\n  a0: 1\n" + lines('  a#: "${[a@]}"\n', 3000) + RELU,
    "lists of lists": HEAD + "params:\n  a0: 1\n" + lines('  a#: "${[a@, a@, a@, a@, a@, a@, a@, a@]}"\n', 300) + RELU,
    "doubling text": HEAD + "params:\n  a0: xx\n" + lines("  a#: $a@$a@\n", 60) + RELU,
    "parentheses": param("(" * 4000),
    "brackets": param("[" * 4000),
    "signs": param("-" * 4000 + "1"),
    "conditions": param("1 if true else " * 250 + "1"),
    "multiplication": param("*".join(["9999999999"] * 30)),
    "power": param("9 ** 9 ** 9 ** 9"),
    "attribute": param("(1).__class__.__bases__[0].__subclasses__()"),
    "import": param('__import__("os").system("true")'),
    "lambda": param("(lambda: 1)()"),
    "NUL": HEAD + 'stages: [{type: relu, name: "a\\0b"}]\n',
    "escape sequence": HEAD + 'stages: [{type: "a\\e[31mb", name: "a\\e]0;x\\ab"}]\n',
    "direction": HEAD + 'stages: [{type: "a\\u202eb\\u2066c", from: "x\\u202ey"}]\n',
    "raw direction": HEAD + "stages: [{type: a\u202eb}]\n",
    "raw escape": HEAD + "stages: [{type: a\x1bb}]\n",
    "surrogate": HEAD + 'stages: [{type: "\\ud800"}]\n',
    "lines of its own": HEAD + 'stages: [{type: "a\\nerror[A0001]: all is well\\u2028b"}]\n',
    "extends a system file": "extends: /etc/passwd\n",
    "extends upwards": "extends: ../../../../etc/hosts.yaml\n",
    "extends a long name": f"extends: {'x' * 4000}.yaml\n",
    "extends NUL": 'extends: "a\\0.yaml"\n',
    "extends a device": "extends: /dev/zero.yaml\n",
    "extends nothing": 'extends: ""\n',
    "extends a template": "extends: '${name}.yaml'\n",
    "levels of blocks": "".join(" " * level + "a:\n" for level in range(700)),
    "levels of both kinds": "[{a: " * 40_000,
    "flow in block": "stages:\n" + lines("  - {a: [[[[[[[[#]]]]]]]]}\n", 8000),
    "new object": "a: !!python/object/new:os.system [true]\n",
    "python name": "a: !!python/name:os.system\n",
    "python module": "a: !!python/module:evil\n",
    "binary": "a: !!binary aGVsbG8=\n",
    "a tag of its own": "extends: !include /etc/passwd\n",
    "verbatim tag": "a: !<tag:yaml.org,2002:python/object/apply:os.system> [true]\n",
    "tag of nothing": "a: ! b\n",
    "tags of a stage": HEAD + "stages: [!!map {type: relu}]\n",
    "merged list": "a: &a {b: 1}\nc: &c {d: 1}\n<<: [*a, *c]\n",
    "alias of an alias": "a: &a 1\nb: &b *a\n",
    "alias as a key": "a: &a b\n*a : 1\n",
    "a list as a key": "? [a, b]\n: 1\n",
    "nothing as a key": "~: 1\n",
    "a bool as a key": "true: 1\n",
    "a number as a key": "archc: 1\n1: 2\n",
    "an anchor again and again": lines("a#: &a [x, x]\n", 5000) + "b: *a\n",
    "directive": "%YAML 9.9\n---\narchc: 1\n",
    "unknown directive": "%SYSTEM true\n---\narchc: 1\n",
    "two specs": HEAD + RELU + "---\n" + HEAD + RELU,
    "tabs": "archc: 1\nname: net\nstages:\n\t- {type: relu}\n",
    "a byte order mark inside": HEAD + "\ufeffstages: [{type: relu}]\n",
    "control characters": HEAD + "stages: [{type: a\x07\x08\x1b]0;x\x07}]\n",
    "8-bit control": HEAD + "stages: [{type: a\x9b31mb}]\n",
    "only line breaks": "\n" * 200_000,
    "only comments": "# \u202e\n" * 20_000,
    "one long line": HEAD + "stages: [" + "{type: relu}, " * 8000 + "{type: rleu}]\n",
    "long comments": HEAD + "stages: [{type: rleu}] #" + " x" * 60_000 + "\n",
    "wide characters": HEAD + "stages: [{type: " + "\u5377" * 4000 + "}]\n",
    "combining characters": HEAD + "stages: [{type: e" + "\u0301" * 4000 + "}]\n",
    "letters that look alike": HEAD + "stages: [{type: r\u0435lu}]\n",
    "an invisible letter": HEAD + "stages: [{type: re\u200blu}]\n",
    "JSON of lists": '{"a": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "folded text": "name: >\n" + "  word\n" * 30_000,
    "quoted text": 'name: "' + "\\x41" * 60_000 + '"\n',
    "unclosed quote": HEAD + 'stages: [{type: "relu' + " x" * 100_000,
    # numbers
    "infinite": HEAD + "stages: [{type: batch_norm, eps: .inf}]\n",
    "minus infinite": HEAD + "stages: [{type: batch_norm, momentum: -.INF}]\n",
    "not a number": HEAD + "stages: [{type: dropout, p: .nan}]\n",
    "a float out of range": HEAD + "stages: [{type: batch_norm, eps: 1e999}]\n",
    "many digits": HEAD + "params: {a: 0." + "9" * 4090 + "e9999}\n" + RELU,
    "hexadecimal": HEAD + "stages: [{type: conv, out_channels: 0x" + "f" * 4000 + ", kernel_size: 1}]\n",
    "octal": HEAD + "stages: [{type: conv, out_channels: 0o" + "7" * 4000 + ", kernel_size: 1}]\n",
    "2 to the 31": HEAD + "stages: [{type: conv, out_channels: 2147483648, kernel_size: 1}]\n",
    "2 to the 63": HEAD + "stages: [{type: conv, out_channels: 9223372036854775808, kernel_size: 1}]\n",
    "minus 2 to the 31": HEAD + "stages: [{type: pad, padding: -2147483649}]\n",
    "a float as an int": HEAD + "stages: [{type: conv, out_channels: 1e300, kernel_size: 1}]\n",
    "not a number by a sum": HEAD + "stages: [{type: dropout, p: '${1e308 * 10 - 1e308 * 10}'}]\n",
    "100 digits by --set": HEAD + "params: {a: '${" + "9" * 100 + "}'}\n" + RELU,
    # copies
    "no copies": HEAD + "stages: [{type: relu, repeat: 0}]\n",
    "minus one copy": HEAD + "stages: [{type: relu, repeat: -1}]\n",
    "a million copies": HEAD + "stages: [{type: relu, repeat: 1000000}]\n",
    "a million copies by a float": HEAD + "stages: [{type: relu, repeat: 1e6}]\n",
    "copies by an expression": HEAD + "params: {n: 10000}\nstages: [{type: relu, repeat: '${n * n}'}]\n",
    "10,000 by 10,000": HEAD + "stages: [{repeat: 10000, stages: [{repeat: 10000, stages: [{type: relu}]}]}]\n",
    "copies eight deep": HEAD + "stages: [" + "{repeat: 10000, stages: [" * 8 + "{type: relu}" + "]}" * 8 + "]\n",
    "copies of conditions": HEAD + "stages: [{repeat: 9999, stages: [{type: relu, when: '${i >= 0}'}, {type: relu, when: '${i < 9999}'}, {type: relu, when: '${i != -1}'}]}]\n",
    "copies that differ": HEAD + "stages: [{repeat: 9999, stages: [" + "{type: conv, out_channels: '${8 + i % 7}', kernel_size: 1}, " * 3 + "]}]\n",
    "copies of an unknown type": HEAD + "stages: [{repeat: 10000, stages: [{type: rleu}]}]\n",
    "copies of a broken type": HEAD + "stages: [{repeat: 10000, stages: [{type: conv, out_channels: 3, kernel_size: 64}, {type: relu}]}]\n",
    "copies with claims": HEAD + "stages: [{repeat: 7000, stages: [{type: relu, expect: [3, 32, 31]}, {type: relu, expect: ['${i + 3}', 32, 32]}]}]\n",
    "copies that widen": HEAD + "stages: [{repeat: 10000, stages: [{name: a, type: relu}, {type: concat, from: [a, input]}]}]\n",
    "copies that double": HEAD + "stages: [{repeat: 10000, type: conv, kernel_size: 1, out_channels: '${in_channels * 2}'}]\n",
    "copies that grow": HEAD + "stages: [{repeat: 10000, type: pad, padding: 1000000}]\n",
    "copies in one name": HEAD + "stages: [{inline: true, repeat: 10000, name: 'a${i % 2}', type: relu}]\n",
    "copies with long names": HEAD + "stages: [" + "{repeat: 20, name: " + "n" * 60 + ", stages: [" + "{repeat: 20, name: " + "m" * 60 + ", stages: [" + "{repeat: 60, name: " + "k" * 60 + ", type: relu}" + "]}]}]\n",
    "every copy into every copy": HEAD + "stages: [{name: a, repeat: 4000, type: relu}, {repeat: 2000, type: concat, from: [a.*]}]\n",
    # blocks
    "doubling blocks 40 deep": HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}, {type: b#}]}\n", 40) + "  b40: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "doubling blocks that differ": HEAD + "blocks:\n" + lines("  b@: {params: {p: 1}, stages: [{type: b#, repeat: 2, p: '${p + i}'}]}\n", 20) + "  b20: {params: {p: 1}, stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "doubling blocks of nothing": HEAD + "blocks:\n" + lines("  b@: {params: {p: 1}, stages: [{type: b#, repeat: 2, p: '${p + i}'}]}\n", 20) + "  b20: {params: {p: 1}, stages: [{type: relu, when: '${p < 0}'}]}\nstages: [{type: b0}]\n",
    "hundredfold blocks": HEAD + "blocks:\n" + lines("  b@: {stages: [" + "{type: b#}, " * 100 + "]}\n", 12) + "  b12: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "blocks by params": HEAD + "blocks:\n" + lines("  b@: {params: {t: {type: block, default: b#}}, stages: [{type: $t}, {type: $t}]}\n", 25) + "  b25: {stages: [{type: relu}]}\nstages: [{type: b0}]\n",
    "a block of itself by a param": HEAD + "blocks: {b: {params: {t: {type: block, default: b}}, stages: [{type: $t}]}}\nstages: [{type: b}]\n",
    "unused blocks": HEAD + "blocks:\n" + lines("  b#: {stages: [{type: rleu}]}\n", 5000) + RELU,
    "params in a circle": HEAD + "params: {a: $b, b: $a}\nstages: [{type: conv, out_channels: $a, kernel_size: 1}]\n",
    "a param of itself": HEAD + "params: {a: $a}\n" + RELU,
    "params of a block in a circle": HEAD + "blocks: {b: {params: {a: $c, c: $a}, stages: [{type: relu}]}}\nstages: [{type: b}]\n",
    "blocks named as attributes": HEAD + "blocks: {__class__: {stages: [{type: relu}]}}\nstages: [{type: __class__, __init__: 1}]\n",
    # expressions
    "text times a number": param("'xx' * 1000000000"),
    "a list times a number": HEAD + "stages: [{type: conv, kernel_size: 1, out_channels: '${[0] * 1000000000}'}]\n",
    "a power of two": param("2 ** 1000000000"),
    "a product of params": HEAD + "params:\n  a0: 9007199254740991\n" + lines('  a#: "${a@ * a@}"\n', 100) + RELU,
    "halving": HEAD + "params:\n  a0: 1\n" + lines('  a#: "${a@ / 1e300}"\n', 20) + "  b: '${1 / a20}'\n" + RELU,
    "doubling lists": HEAD + "params:\n  a0: [1]\n" + lines('  a#: "${[a@, a@]}"\n', 64) + RELU,
    "65 parts": param("+".join(["1"] * 65)),
    "many arguments": param("min(" + "1," * 1500 + "1)"),
    "division by zero": param("1 // 0"),
    "rest of zero": param("1 % 0"),
    "root of minus one": param("sqrt(-1)"),
    "rounding of much": param("round(1e308 * 1e308)"),
    "a slice of nothing": param("[1, 2][9999999999:][0]"),
    "holes in holes": HEAD + "params: {a: '" + "${" * 1000 + "'}\n" + RELU,
    "many holes": HEAD + "params: {a: '" + "$b" * 1500 + "'}\n" + RELU,
    "subscripts": param("[1]" + "[0]" * 60 + "[0]"),
    "format": param("'{0.__class__}'.format(1)"),
    "code": param('exec("import os")'),
    "template": HEAD + "stages: [{type: '{{ 7 * 7 }}'}]\n",
    # names
    "name of a file": "archc: 1\nname: ../../../tmp/evil\ninput: {features: 3}\n" + RELU,
    "absolute name": "archc: 1\nname: /tmp/evil\ninput: {features: 3}\n" + RELU,
    "name with code": "archc: 1\nname: 'net\"\"\"\nimport os'\ninput: {features: 3}\n" + RELU,
    "stage with code": HEAD + "stages: [{type: relu, name: \"a'); import os; os.system('true\"}]\n",
    "stage named as a dunder": HEAD + "stages: [{type: relu, name: __reduce__}]\n",
    "stage named as a method": HEAD + "stages: [{type: relu, name: load_state_dict}]\n",
    "renamed upwards": HEAD + "stages: [{type: residual, out_channels: 8, names: {conv1: ../../evil}}]\n",
    "renamed as a dunder": HEAD + "stages: [{type: residual, out_channels: 8, names: {conv1: __dict__}}]\n",
    "renamed by code": HEAD + 'stages: [{type: residual, out_channels: 8, names: {conv1: "a\\nimport os"}}]\n',
    "10,000 renames": HEAD + "stages:\n  - type: residual\n    out_channels: 8\n    names:\n" + lines("      c#: d#\n", 10_000),
    "output with code": HEAD + "stages: [{name: a, type: relu}]\noutputs: {'x): import os': a}\n",
    "output as a dunder": HEAD + "stages: [{name: a, type: relu}]\noutputs: {__class__: a}\n",
    "10,000 outputs": HEAD + "stages: [{name: a, type: relu}]\noutputs:\n" + lines("  o#: b\n", 10_000),
    "the same output": HEAD + "stages: [{name: a, type: relu}]\noutputs: [" + "a, " * 4000 + "]\n",
    # sections
    "10,000 claims": HEAD + RELU + "expect:\n" + lines("  '#.a': [3, 32, 32]\n", 10_000),
    "10,000 defaults": HEAD + RELU + "defaults:\n" + lines("  conv#: {stride: 2}\n", 10_000),
    "10,000 inits": HEAD + RELU + "init:\n" + lines("  conv#: {weight: zeros}\n", 10_000),
    "defaults of defaults": HEAD + "defaults: {conv: {out_channels: $out_channels, kernel_size: $stride}}\nstages: [{type: conv}]\n",
    "10,000 unknown fields": HEAD + "stages:\n  - type: relu\n" + lines("    field#: 1\n", 10_000),
    "10,000 choices": HEAD + "params: {a: {type: string, default: zz, choices: [" + lines("c#, ", 10_000) + "]}}\n" + RELU,
    "a budget of nothing": HEAD + RELU + "budget: {parameters: -.inf, macs: .nan}\n",
    "training forever": HEAD + RELU + "train: {data: {type: fashion_mnist}, batch_size: 99999999999, epochs: 1e30, optimizer: {type: sgd, lr: .inf}}\n",
    # sizes
    "parameters": "archc: 1\nname: n\ninput: {features: 2147483647}\nstages: [{type: linear, out_features: 2147483647}]\n",
    "parameters of 10,000": "archc: 1\nname: n\ninput: {features: 100000}\nstages: [{type: linear, out_features: 100000, repeat: 10000}]\n",
    "a large map": "archc: 1\nname: n\ninput: {channels: 1, height: 1048576, width: 1048576}\n" + RELU,
    "a large volume": "archc: 1\nname: n\ninput: {channels: 2147483647, depth: 1048576, height: 1048576, width: 1048576}\n" + RELU,
    "a large adaptive pool": HEAD + "stages: [{type: adaptive_avg_pool, output_size: 2147483647}]\n",
    "a large shuffle": HEAD + "stages: [{type: pixel_shuffle, upscale_factor: 2147483647}]\n",
    # variants
    "extends itself": "extends: net.yaml\n",
    "extends a list": "extends: [a, b]\n",
    "extends a number": "extends: 1\n",
    "extends a folder": "extends: ..\n",
    "extends a shipped file": "extends: ../specs/imagenet/resnet18.yaml\n",
    "extends an address": "extends: https://example.com/net.yaml\n",
    "extends a file address": "extends: file:///etc/passwd\n",
    "extends a shipped name upwards": "extends: imagenet/../../../etc/passwd\n",
    "extends a home": "extends: ~/.ssh/id_rsa.yaml\n",
    "extends a variable": "extends: $HOME/net.yaml\n",
    "extends a glob": "extends: '*.yaml'\n",
    "extends in UTF-16": 'extends: "a\\ud83d.yaml"\n',
    "upto of nothing": "extends: resnet18\nupto: [layer1]\n",
}  # fmt: skip
BYTES: dict[str, bytes] = {
    "UTF-16 without a mark": "archc: 1\nname: net\n".encode("utf-16-le"),
    "UTF-16 of the other order": "archc: 1".encode("utf-16-be"),
    "UTF-32": "archc: 1".encode("utf-32"),
    "UTF-7": b"archc: +AGEAYgBj-\n",
    "Latin-1": "name: r\u00e9seau\n".encode("latin-1"),
    "overlong NUL": b"a: \xc0\x80\n",
    "overlong slash": b"extends: \xc0\xae\xc0\xae\xc0\xaf.yaml\n",
    "surrogates in UTF-8": b"a: \xed\xa0\xbd\xed\xb8\x80\n",
    "beyond Unicode": b"a: \xf4\x90\x80\x80\n",
    "a mark and nothing": b"\xef\xbb\xbf",
    "nothing": b"",
    "a program": b"\x7fELF\x02\x01\x01" + b"\0" * 4000,
    "a packed bomb": gzip.compress(b"a: 1\n" * 10_000_000, mtime=0),
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 1000,
    "returns alone": b"archc: 1\rname: net\rstages: [{type: rleu}]\r",
    "too large": b"#" * 10_000_000,
    "not UTF-8": b"a: \xff\n",
    "UTF-16": "archc: 1".encode("utf-16"),
    "NUL bytes": b"\0" * 1000,
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
    "half a character": b"a: \xf0\x9f\x98",
}
FILES: dict[str, bytes] = {**{name: text.encode("utf-8", "surrogatepass") for name, text in TEXTS.items()}, **BYTES}
"""Name -> what stands in the file."""


ENDS: dict[str, str] = {
    "strides that share no factor": "archc: 1\nname: n\ninput: {channels: 1, height: {min: 2, default: 1000000}, width: 64}\nstages:\n"
    + "".join(f"  - {{type: max_pool, kernel_size: [1, 1], stride: [{s}, 1]}}\n" for s in (2, 3, 5, 7, 11, 13, 17)) + "  - {type: flatten}\n  - {type: linear, out_features: 2}\n",
    "branches that share no factor": "archc: 1\nname: n\ninput: {channels: 1, height: {min: 2, default: 510510}, width: 64}\nstages:\n  - {name: a, type: relu}\n"
    + "".join(f"  - {{name: p{s}, type: max_pool, kernel_size: [{s}, 1], stride: [{s}, 1], from: a}}\n  - {{name: u{s}, type: upsample, scale_factor: [{s}, 1]}}\n" for s in (2, 3, 5, 7, 11, 13, 17))
    + "  - {type: add, from: [" + ", ".join(f"u{s}" for s in (2, 3, 5, 7, 11, 13, 17)) + "]}\n",
    "a long period": "archc: 1\nname: n\ninput: {channels: 1, height: {min: 2, default: 2048}, width: {min: 2, default: 2048}}\nstages:\n  - {name: a, type: conv, out_channels: 1, kernel_size: 1}\n  - {repeat: 60, stages: [{type: conv, out_channels: 1, kernel_size: 3, padding: 1}, {type: relu}]}\n"
    + "  - {repeat: 11, stages: [{type: max_pool, kernel_size: 2}]}\n  - {name: b, type: upsample, scale_factor: 2048}\n  - {type: add, from: [a, b]}\n",
}  # fmt: skip
"""Free sizes whose valid set has a long period: a verdict, whichever, in time."""


# -- paths --------------------------------------------------------------------------------------------------------------

GOOD = HEAD + RELU
BAD = HEAD + "stages: [{type: rleu}]\n"


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fifo(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.yaml")
    return ["pipe.yaml"]


def listening(folder: Path) -> list[str]:
    os.mknod(folder / "socket.yaml", stat.S_IFSOCK | 0o600)
    return ["socket.yaml"]


def folder_named_as_a_spec(folder: Path) -> list[str]:
    (folder / "folder.yaml").mkdir()
    return ["folder.yaml"]


def links(*pairs: tuple[str, str]) -> Callable[[Path], list[str]]:
    """Symbolic links, name and target; the first is the argument."""

    def write(folder: Path) -> list[str]:
        for name, target in pairs:
            (folder / name).symlink_to(target)
        return [pairs[0][0]]

    return write


def unreadable(folder: Path) -> list[str]:
    put(folder, "net.yaml", BAD).chmod(0)  # whoever may read it all the same finds a mistake in it
    return ["net.yaml"]


def sparse(folder: Path) -> list[str]:
    with (folder / "net.yaml").open("wb") as file:
        file.truncate(10 * 2**30)
    return ["net.yaml"]


def folder_of_traps(folder: Path) -> list[str]:
    put(folder, "in/a.yaml", BAD)
    os.mkfifo(folder / "in" / "pipe.yaml")
    (folder / "in" / "loop").symlink_to(".", target_is_directory=True)
    (folder / "in" / "all").symlink_to("/", target_is_directory=True)
    (folder / "in" / "zero.yaml").symlink_to("/dev/zero")
    return ["in"]


def deep_folder(folder: Path) -> list[str]:
    put(folder, "/".join(["d"] * 200) + "/net.yaml", BAD)
    return ["d"]


def extending(name: str) -> Callable[[Path], list[str]]:
    """A spec that extends `name`, in a folder with ways out of it."""

    def write(folder: Path) -> list[str]:
        inner = folder / "inner"
        inner.mkdir()
        put(folder, "secret.yaml", "token: hunter2\n")
        put(folder, "inner_secret/secret.yaml", "token: hunter2\n")
        (inner / "link.yaml").symlink_to(folder / "secret.yaml")
        (inner / "second.yaml").symlink_to("link.yaml")
        (inner / "round.yaml").symlink_to("round.yaml")
        (inner / "zero.yaml").symlink_to("/dev/zero")
        (inner / "environ.yaml").symlink_to("/proc/self/environ")
        (inner / "folder").symlink_to(folder, target_is_directory=True)
        (inner / "named.yaml").mkdir()
        os.mkfifo(inner / "pipe.yaml")
        put(inner, "net.yaml", f"extends: {name}\nname: net\n")
        return ["inner/net.yaml"]

    return write


def chain(count: int, last: str, rest: str = "") -> Callable[[Path], list[str]]:
    """Specs of which each extends the next; the last one is `last`."""

    def write(folder: Path) -> list[str]:
        for at in range(count):
            put(folder, f"s{at}.yaml", f"extends: s{at + 1}.yaml\n{rest}")
        put(folder, f"s{count}.yaml", last)
        return ["s0.yaml"]

    return write


PATHS: dict[str, Callable[[Path], list[str]]] = {
    "a pipe": fifo,
    "a socket": listening,
    "a folder": folder_named_as_a_spec,
    "a link to itself": links(("loop.yaml", "loop.yaml")),
    "links in a circle": links(("a.yaml", "b.yaml"), ("b.yaml", "c.yaml"), ("c.yaml", "a.yaml")),
    "a link to nothing": links(("link.yaml", "nowhere.yaml")),
    "a link to a device": links(("zero.yaml", "/dev/zero")),
    "a file that nobody may read": unreadable,
    "a file of 10 GiB": sparse,
    "a folder of traps": folder_of_traps,
    "a folder in 200 folders": deep_folder,
    "a folder of nothing": lambda folder: [str((folder / "empty").mkdir() or "empty")],
    "/dev/zero": lambda _: ["/dev/zero"],
    "/dev/random": lambda _: ["/dev/random"],
    "/dev/stdin": lambda _: ["/dev/stdin"],
    "/proc/self/mem": lambda _: ["/proc/self/mem"],
    "a name of 5,000 characters": lambda _: ["a" * 5000],
    "a path of 5,000 characters": lambda _: ["a" * 5000 + ".yaml"],
    "a path of 2,000 levels": lambda _: ["a/" * 2000 + "a.yaml"],
    "a name that is not UTF-8": lambda _: ["\udcff.yaml"],
    "a name with an escape sequence": lambda _: ["a\x1b[31m\u202e.yaml"],
    "a name with a line break": lambda _: ["a\nb.yaml"],
    "a name with a command": lambda _: ["::error::a.yaml"],
    "a setting of 100,000 brackets": lambda folder: [put(folder, "net.yaml", GOOD).name, "--set", "a=" + "[" * 100_000],
    "a setting with a tag": lambda folder: [put(folder, "net.yaml", GOOD).name, "--set", "a=!!python/name:os.system"],
    "a setting of digits": lambda folder: [put(folder, "net.yaml", GOOD).name, "--set", "a=" + "9" * 100_000],
    "100 settings": lambda folder: [put(folder, "net.yaml", GOOD).name, *(f"--set=a{at}=$a{at}" for at in range(100))],
    "extends a link to the outside": extending("link.yaml"),
    "extends a link to a link to the outside": extending("second.yaml"),
    "extends a link to itself": extending("round.yaml"),
    "extends a link to a device": extending("zero.yaml"),
    "extends a link to the environment": extending("environ.yaml"),
    "extends through a linked folder": extending("folder/secret.yaml"),
    "extends upwards": extending("../secret.yaml"),
    "extends upwards and back": extending("../inner/../secret.yaml"),
    "extends a folder with the same beginning": extending("../inner_secret/secret.yaml"),
    "extends a folder with a spec's name": extending("named.yaml"),
    "extends a pipe": extending("pipe.yaml"),
    "extends in a circle": chain(3, "extends: s0.yaml\n"),
    "extends in a circle that does not come back": chain(3, "extends: s1.yaml\n"),
    "extends 12 times": chain(12, GOOD),
    "extends seven large files": chain(7, BAD, "params:\n" + lines("  a#: 1\n", 20_000)),
    "extends a bomb": chain(1, TEXTS["alias bomb"]),
    "extends bytes": chain(1, "a: \x00\n"),
}
"""Name -> the arguments of `archc validate`, once what they need was put into a folder."""
