def records(wildcards):
    """The records of every job behind the report, which say how each table and figure came to be."""
    chosen = provide.used_models(SETTINGS)
    corpora = provide.used_corpora(SETTINGS)
    tokenizers = dict.fromkeys(SETTINGS.models[model].settings.tokenizer for model in chosen)
    assets = {asset: SETTINGS.assets[asset].files for asset in provide.used_assets(SETTINGS)}
    return [
        *(f"results/assets/{asset}/{file}.provenance.json" for asset, files in assets.items() for file in files),
        *expand("results/corpora/{corpus}/train.parquet.provenance.json", corpus=corpora),
        *expand("results/tokenizers/{tokenizer}/tokenizer.json.provenance.json", tokenizer=tokenizers),
        *expand("results/models/{model}/model.safetensors.provenance.json", model=chosen),
        "results/scores/char_gpt/scores.parquet.provenance.json",
        "results/tables/char_gpt/loss_curves.csv.provenance.json",
        "results/tables/overview/corpora.csv.provenance.json",
        "results/tables/overview/assets.csv.provenance.json",
        "results/tables/overview/ledger.csv.provenance.json",
        "results/figures/char_gpt/loss.svg.provenance.json",
    ]


rule build_report:
    """Build the one page that shows it all."""
    input:
        writeups=source("config/writeups.yaml"),
        templates=[source(path) for path in sorted(Path(workflow.basedir, "scripts/relab/report/templates").rglob("*.*"))],
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
        spec=spec("build_report"),
        code=code("build_report"),
    shell:
        "python {workflow.basedir:q}/scripts/build_report.py --writeups {input.writeups:q} --ledger {input.ledger:q} "
        "--table {input.tables:q} --figure {input.figures:q} --data {input.data:q} --records {input.records:q} "
        "--output {output.page:q} --spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} "
        "> {log:q} 2>&1"
