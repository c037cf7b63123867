#!/usr/bin/python3
"""Writes a file's bytes as a C++ array: the XDP program travels inside the library that loads it,
so that nothing has to be found at run time. Called by meson: embed.py INPUT OUTPUT NAME."""

import pathlib
import sys

source, target, name = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
rows = [", ".join(str(byte) for byte in data[at:at + 20]) for at in range(0, len(data), 20)]
pathlib.Path(target).write_text(
    f"// Made from {pathlib.Path(source).name}.\n#include <cstddef>\n\n"
    f"alignas(8) extern const unsigned char {name}[] = {{\n    " + ",\n    ".join(rows) +
    f"}};\nextern const std::size_t {name}_bytes = sizeof {name};\n")
