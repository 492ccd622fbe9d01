rule draw_char_gpt:
    """Draw the losses of the character-level GPTs against the step."""
    input:
        "results/tables/char_gpt/loss_curves.csv",
    output:
        figure=shown("results/figures/char_gpt/loss.svg"),
        provenance="results/figures/char_gpt/loss.svg.provenance.json",
    log:
        "results/logs/draw_char_gpt.log",
    benchmark:
        "results/benchmarks/draw_char_gpt.jsonl"
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_char_gpt"),
        program=program("draw_char_gpt"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule draw_mingpt:
    """Draw the losses of the models on sentences, and of those on the larger corpus."""
    input:
        "results/tables/mingpt/{part}curve.csv",
    output:
        figure="results/figures/mingpt/{part}loss.svg",
        provenance="results/figures/mingpt/{part}loss.svg.provenance.json",
    log:
        "results/logs/draw_mingpt/{part}loss.log",
    benchmark:
        "results/benchmarks/draw_mingpt/{part}loss.jsonl"
    wildcard_constraints:
        part="(larger_)?",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec="{}",
        code=code("draw_mingpt"),
        program=program("draw_mingpt"),
    shell:
        "python {params.program:q} --curves {input:q} --output {output.figure:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
