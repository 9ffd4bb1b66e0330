"""Examples as pages and notebooks: each script is run cell by cell, and what it prints and draws is kept."""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
import time

FOLDER = pathlib.Path(__file__).parent
_PARAMETERS = '# %% tags=["parameters"]\n'
_SECONDS_A_CELL = 600
# TensorFlow's log, which it prints where it runs in a notebook; what is deprecated it says in several lines.
_LOG = re.compile("WARNING:tensorflow:.*\n?(?:Instructions for updating:\n.*\n?)?")
_INTRODUCTION = (
    "Scripts to copy: change the data, keep the rest. Times are those of this build, on {cores} CPU cores. "
    "`make examples` runs those that were not run, and adds to their pages what they print and draw."
)


@dataclasses.dataclass(frozen=True)
class Page:
    """A built example.

    Args:
        name: name of its script.
        title: heading of its page.
        question: first paragraph of its page, what the example answers.
        seconds: how long the whole script ran; `None` if it has not been run.
    """

    name: str
    title: str
    question: str
    seconds: float | None

    @property
    def time(self):
        """Running time of the script, as text."""
        return "not run" if self.seconds is None else f"{self.seconds:.0f} s"


def names():
    """Names of all examples, sorted: scripts in this folder that do not begin with an underscore."""
    return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def program(name, **parameters):
    """Source of an example in which some parameters have other values, such as for a quick run.

    Args:
        name: one of `names()`.
        **parameters: names that the cell with the tag "parameters" sets, and their new values.

    Raises:
        ValueError: if the script sets no such parameter there.
    """
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    before, tag, rest = source.partition(_PARAMETERS)
    cell, line, after = rest.partition("# %%")
    unknown = [one for one in parameters if f"\n{one} = " not in f"\n{cell}"]
    if unknown:
        raise ValueError(f"The parameters of the example {name!r} must be set in its first cell. Received: {unknown}.")
    changed = "".join(f"{one} = {value!r}\n" for one, value in parameters.items())
    return before + tag + cell.rstrip() + "\n" + changed + "\n" + line + after


def pages(folder, run=True):
    """Runs every example in full and writes its page, notebook, script and figures; an index is the page `README.md`.

    An example whose script has not changed since it was run is not run again: remove the folder after a change of the
    library.

    Args:
        folder: where to write `NAME.md`, `NAME.ipynb`, `NAME.py` and `NAME_files/`.
        run: False to run none. A page is then without what its script prints and draws, unless it was run before.

    Returns:
        A `Page` for each example, by name.

    Raises:
        nbclient.exceptions.CellExecutionError: if an example fails.
        RuntimeError: if an example warns.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    built = [_page(folder, name, run) for name in names()]
    rows = [f"| [{page.title}]({page.name}.md) | {page.question} | {page.time} |" for page in built]
    table = "\n".join(["| example | question | time |", "| --- | --- | --- |", *rows])
    index = f"# Examples\n\n{_INTRODUCTION.format(cores=os.cpu_count())}\n\n{table}\n"
    (folder / "README.md").write_text(index, encoding="utf-8")
    return built


def _page(folder, name, run):
    """Builds one example, unless its notebook was made from this very script and, where it is to be run, by running."""
    import jupytext
    import nbformat

    source, file = program(name), folder / f"{name}.ipynb"
    digest = hashlib.sha256(source.encode()).hexdigest()
    if file.exists() and (made := nbformat.read(file, 4).metadata.tfp_noise)["script"] == digest:
        page = Page(**made["page"])
        if not run or page.seconds is not None:
            return page
    notebook = jupytext.reads(source, fmt="py:percent")
    title, question = notebook.cells[0].source.split("\n\n")[:2]
    seconds = _run(notebook, name) if run else None
    page = Page(name, title.removeprefix("# "), " ".join(question.split()), seconds)
    notebook.metadata["tfp_noise"] = {"script": digest, "page": dataclasses.asdict(page)}
    notebook.cells[0].source = notebook.cells[0].source.replace(title, f"{title}\n\n{_files(page)}", 1)
    _write_markdown(folder, name, notebook)
    shutil.copyfile(FOLDER / f"{name}.py", folder / f"{name}.py")
    nbformat.write(notebook, file)  # last, because it says that all is there
    return page


def _files(page):
    """Line below the title: the files to take, and how long the example ran."""
    return f"*[Script]({page.name}.py), [notebook]({page.name}.ipynb); time: {page.time}.*"


def _run(notebook, name):
    """Runs a notebook's cells in an empty folder, in place; returns the seconds that it took."""
    import nbclient

    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}  # Jupyter has its own
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as workdir:
        resources = {"metadata": {"path": workdir}}
        client = nbclient.NotebookClient(
            notebook,
            timeout=_SECONDS_A_CELL,
            startup_timeout=_SECONDS_A_CELL,
            kernel_name="python3",
            resources=resources,
            coalesce_streams=True,
        )
        client.execute(env=environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # moments at which cells began and ended
        if cell.cell_type == "code":
            cell.outputs = list(_without_log(cell.outputs, name))
    return time.perf_counter() - started


def _without_log(outputs, name):
    """Yields outputs without what TensorFlow logs, which is not part of a page; a warning of Python is an error."""
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                if "Warning: " in output.text:
                    raise RuntimeError(f"The example {name!r} must run without a warning. Received: {output.text}")
                continue
            output.text = _LOG.sub("", output.text)
            if not output.text:
                continue
        yield output


def _write_markdown(folder, name, notebook):
    import nbconvert

    resources = {"unique_key": name, "output_files_dir": f"{name}_files"}
    text, resources = nbconvert.MarkdownExporter().from_notebook_node(notebook, resources)
    for path, content in resources["outputs"].items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
