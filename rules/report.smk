rule build_report:
    """Build the one page that shows it all."""
    input:
        ledger="results/tables/overview/ledger.csv",
        tables=writeups.targets(WRITEUPS)[0],
        figures=writeups.targets(WRITEUPS)[1],
        data=writeups.figure_data(WRITEUPS),
        records=records,
    output:
        page="results/report.html",
        provenance="results/report.html.provenance.json",
    log:
        "results/logs/build_report.log",
    benchmark:
        "results/benchmarks/build_report.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        writeups=place("config/writeups.yaml"),
        loaded=loaded(
            "config/writeups.yaml",
            *sorted(Path(workflow.basedir, "scripts/relab/report/templates").rglob("*.*")),
        ),
        spec=spec("build_report"),
        code=code("build_report"),
        program=program("build_report"),
    shell:
        "python {params.program:q} --writeups {params.writeups:q} --ledger {input.ledger:q} "
        "--table {input.tables:q} --figure {input.figures:q} --data {input.data:q} --records {input.records:q} "
        "--output {output.page:q} --spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} "
        "> {log:q} 2>&1"
