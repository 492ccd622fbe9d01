rule train_tokenizer:
    """Train a tokenizer on a corpus, or make its characters into one: a directory that Transformers opens."""
    input:
        unpack(inputs("train_tokenizer")),
    output:
        tokenizer="results/tokenizers/{tokenizer}/tokenizer.json",
        config="results/tokenizers/{tokenizer}/tokenizer_config.json",
        provenance="results/tokenizers/{tokenizer}/tokenizer.json.provenance.json",
    log:
        "results/logs/train_tokenizer/{tokenizer}.log",
    benchmark:
        "results/benchmarks/train_tokenizer/{tokenizer}.jsonl"
    wildcard_constraints:
        tokenizer=made_by("train_tokenizer"),
    group:
        together(groups.corpus_group)
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=120,
    params:
        directory=output_folder("tokenizer"),
        spec=spec("train_tokenizer"),
        code=code("train_tokenizer"),
        program=program("train_tokenizer"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --output-dir "
            "{params.directory:q}"
        )
