"""The workflow as a module of another one: its rules renamed, its files below a prefix, its defaults under a given config."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path

import pytest
import yaml
from support.runs import CHECKOUT, TINY, job_counts, run_snakemake

from relab.files import read_csv

MODULE = """\
configfile: "mine.yaml"


module relab:
    snakefile:
        {snakefile!r}
    {config}
    prefix:
        "lab"


use rule * from relab as relab_*
"""

RULE = """

rule mine:
    input:
        "lab/results/tables/char_gpt/tokens.csv",
        rules.relab_report.input,
    output:
        "mine.csv",
    shell:
        "cp {input[0]} {output}"
"""

CONFIG = 'config:\n        config["relab"]'


def outer(folder: Path, config: str = CONFIG, snakefile: str = f"{CHECKOUT}/Snakefile", **settings) -> Path:
    """A workflow with this one as its module."""
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(MODULE.format(snakefile=snakefile, config=config) + RULE)
    (folder / "mine.yaml").write_text(yaml.safe_dump({"relab": settings}))
    return folder


def test_jobs_of_a_module_run_and_their_page_is_built(tmp_path):
    tiny = yaml.safe_load((CHECKOUT / TINY[1]).read_text(encoding="utf-8"))
    workflow = outer(tmp_path, **tiny, report={"rows": ["A4"]})
    made = run_snakemake(workflow, "--cores", "2", "--", "mine", checkout=workflow)
    assert made.returncode == 0, made.stdout + made.stderr
    assert list(read_csv(workflow / "mine.csv"))[0] == "text"
    page = (workflow / "lab/results/report.html").read_text(encoding="utf-8")
    assert "results/tables/char_gpt/tokens.csv" in page and "lab/results" not in page
    assert {path.name for path in workflow.iterdir()} == {"Snakefile", "mine.yaml", "mine.csv", "lab", "state", ".snakemake"}
    again = run_snakemake(workflow, "-n", "--", "mine", checkout=workflow)
    assert "Nothing to be done" in again.stdout + again.stderr
    shown = run_snakemake(workflow, "--report", "shown.zip", "--", "mine", checkout=workflow)
    assert shown.returncode == 0 and (workflow / "shown.zip").exists(), shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("config", "settings", "models"),
    [("", {}, 8), (CONFIG, {"models": {"char_gpt": {"sweep": {"seed": [0]}}}, "report": {"rows": ["A1"]}}, 4)],
    ids=["none", "some"],
)
def test_a_config_is_laid_over_the_defaults(tmp_path, config, settings, models):
    """A row with one seed instead of two; with no config the module has the defaults."""
    planned = run_snakemake(outer(tmp_path, config, **settings), "-n", "--", "relab_A1", checkout=tmp_path)
    counts = job_counts(planned)
    assert (counts["relab_train_model"], counts["relab_clean_corpus"], counts["relab_draw_loss_curves"]) == (models, 2, 1)


def test_a_module_from_elsewhere_is_refused_in_a_sentence(tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=CHECKOUT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        workflow = outer(tmp_path, snakefile=f"http://127.0.0.1:{server.server_port}/Snakefile")
        refused = run_snakemake(workflow, "-n", checkout=workflow, XDG_CACHE_HOME=str(tmp_path / "cache"))
        server.shutdown()
    assert refused.returncode == 1
    assert "relab's programs must be files of this machine; clone the repository" in refused.stdout + refused.stderr
