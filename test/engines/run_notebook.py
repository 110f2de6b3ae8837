"""Executes the cells of a notebook, in order and in one namespace, as a kernel does; a cell that fails ends it.

    python run_notebook.py NOTEBOOK
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    notebook = json.load(file)
namespace = {"__name__": "__main__"}
cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
for number, cell in enumerate(cells, 1):
    exec(compile("".join(cell["source"]), f"cell {number}", "exec"), namespace)
print(len(cells))
