rule tokenize_corpus:
    """Turn a corpus into token ids, once for all models that read it with the same tokenizer."""
    input:
        unpack(inputs("tokenize_corpus")),
    output:
        train="results/tokens/{tokenizer}/{corpus}/train.arrow",
        validation="results/tokens/{tokenizer}/{corpus}/validation.arrow",
        provenance="results/tokens/{tokenizer}/{corpus}/train.arrow.provenance.json",
    log:
        "results/logs/tokenize_corpus/{tokenizer}/{corpus}.log",
    benchmark:
        "results/benchmarks/tokenize_corpus/{tokenizer}/{corpus}.jsonl"
    wildcard_constraints:
        # a published model's own tokenizer goes by the model's name
        tokenizer=names([*ARTEFACTS.tokenizers, *ARTEFACTS.models]),
    group:
        together(groups.corpus_group)
    conda:
        "../envs/train.yaml"
    # of gigabytes: --set-threads tokenize_corpus=8
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=240,
    params:
        tokenizer=input_folder("tokenizer"),
        spec=spec("tokenize_corpus"),
        code=code("tokenize_corpus"),
        program=program("tokenize_corpus"),
    shell:
        recorded(
            "python {params.program:q} --corpus {input.train:q} {input.validation:q} --tokenizer "
            "{params.tokenizer:q} --output {output.train:q} {output.validation:q} --processes {threads}"
        )
