# What the report says of the run as a whole, the ledger, and the page.


PAGE = "results/report.html"

# Snakemake writes its own report without asking what stands there.
REQUESTED = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
REQUESTED.add_argument("--report", nargs="?", default="", const="report.html")
if Path(REQUESTED.parse_known_args(sys.argv[1:])[0].report).resolve() == Path(PAGE).resolve():
    raise WorkflowError(
        f"--report {PAGE}: the rule build_report makes this page; expected another file for Snakemake's report, as report.html"
    )


rule tabulate_overview:
    """Write the tables of what all rows rest on: corpora, data sets, features, downloads."""
    input:
        corpora=[f"results/corpora/{corpus}/stats.json" for corpus in SETTINGS.needed["corpora"]],
        datasets=[path.replace(".parquet", ".json") for path in SETTINGS.needed_files(KINDS["datasets"])],
        features=[path.replace(".safetensors", ".json") for path in report_jobs.features(SETTINGS)],
        assets=[f"{path}.lock.json" for path in SETTINGS.needed_files(KINDS["assets"])],
    output:
        **{name: shown(path) for name, path in report_jobs.overview_tables(SETTINGS).items()},
        provenance="results/tables/overview/overview.provenance.json",
    log:
        "results/logs/tabulate_overview.log",
    benchmark:
        "results/benchmarks/tabulate_overview.jsonl"
    group:
        together("report")
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        spec=constant(canonical(report_jobs.overview_spec(SETTINGS))),
        captions=captions,
        directory=output_folder("provenance"),
        code=code("tabulate_overview"),
        program=program("tabulate_overview"),
    shell:
        recorded(
            "python {params.program:q} --corpora {input.corpora:q} --datasets {input.datasets:q} "
            "--features {input.features:q} --assets {input.assets:q} --output-dir {params.directory:q}"
        )


rule score_claims:
    """Score what the write-ups claim: the ledger."""
    input:
        scores=report_jobs.scores(SETTINGS),
    output:
        ledger=report_jobs.LEDGER,
        provenance=f"{report_jobs.LEDGER}.provenance.json",
    log:
        "results/logs/score_claims.log",
    benchmark:
        "results/benchmarks/score_claims.jsonl"
    group:
        together("report")
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        spec=constant(canonical(report_jobs.ledger_spec(SETTINGS))),
        writeups=path_of("config/writeups"),
        claims=constant(report_jobs.claims_digest(SETTINGS)),
        code=code("score_claims"),
        program=program("score_claims"),
    shell:
        recorded(
            "python {params.program:q} --writeups {params.writeups:q} --scores {input.scores:q} --output {output.ledger:q}"
        )


rule build_report:
    """Build the one page that shows it all."""
    input:
        ledger=report_jobs.LEDGER,
        tables=report_jobs.tables(SETTINGS),
        figures=SETTINGS.contents.targets()[1],
        data=SETTINGS.contents.figure_data,
        records=report_jobs.records(SETTINGS),
    output:
        page=PAGE,
        provenance="results/report.html.provenance.json",
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.jsonl"
    group:
        together("report")
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=30,
    params:
        writeups=path_of("config/writeups"),
        loaded=loaded(*WRITEUP_FILES, *SHOWN_FILES),
        spec=constant(canonical(report_jobs.page_spec(SETTINGS))),
        code=code("build_report"),
        program=program("build_report"),
    shell:
        recorded(
            "python {params.program:q} --writeups {params.writeups:q} --ledger {input.ledger:q} --tables {input.tables:q} "
            "--figures {input.figures:q} --data {input.data:q} --records {input.records:q} --output {output.page:q}"
        )
