rule train_tokenizer:
    """Make the vocabulary of a corpus into a tokenizer that Transformers opens."""
    input:
        unpack(tokenizer_corpus),
    output:
        tokenizer="results/tokenizers/{tokenizer}/tokenizer.json",
        config="results/tokenizers/{tokenizer}/tokenizer_config.json",
        provenance="results/tokenizers/{tokenizer}/tokenizer.json.provenance.json",
    log:
        "results/logs/train_tokenizer/{tokenizer}.log",
    benchmark:
        "results/benchmarks/train_tokenizer/{tokenizer}.jsonl"
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=1000,
        runtime=120,
    params:
        directory=lambda wildcards, output: os.path.dirname(output.tokenizer),
        spec=spec("train_tokenizer"),
        code=code("train_tokenizer"),
        program=program("train_tokenizer"),
    shell:
        "python {params.program:q} --train {input.train:q} --validation {input.validation:q} "
        "--output-dir {params.directory:q} --spec {params.spec:q} --code {params.code:q} "
        "--provenance {output.provenance:q} > {log:q} 2>&1"
