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
