# Texts that language models generate.


rule sample_texts:
    """Sample texts from a language model: every method of a sampling continues every prompt."""
    input:
        unpack(sampling_inputs),
    output:
        samples="results/samples/{sampling}.jsonl",
        provenance="results/samples/{sampling}.jsonl.provenance.json",
    log:
        "results/logs/sample_texts/{sampling}.log",
    benchmark:
        "results/benchmarks/sample_texts/{sampling}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: SETTINGS.threads
    resources:
        gpu=gpu,
        mem_mb=6000 if CARDS else 2500,
        runtime=240,
    params:
        model=lambda wildcards, input: os.path.dirname(input.weights),
        corpus=lambda wildcards, input: ["--corpus", input.corpus] if "corpus" in input.keys() else [],
        spec=spec("sample_texts"),
        code=code("sample_texts"),
        program=program("sample_texts"),
    shell:
        "python {params.program:q} --model {params.model:q} {params.corpus:q} --output {output.samples:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule trace_words:
    """Follow a model trained on sentences word by word: probabilities beside those of the corpus and of the grammar."""
    input:
        unpack(traced_model),
    output:
        trace="results/traces/{model}.jsonl",
        provenance="results/traces/{model}.jsonl.provenance.json",
    log:
        "results/logs/trace_words/{model}.log",
    benchmark:
        "results/benchmarks/trace_words/{model}.jsonl"
    wildcard_constraints:
        model=names(MINGPT),
    conda:
        "../envs/train.yaml"
    threads: SETTINGS.threads
    resources:
        gpu=gpu,
        mem_mb=6000 if CARDS else 2000,
        runtime=60,
    params:
        model=lambda wildcards, input: os.path.dirname(input.weights),
        spec=spec("trace_words"),
        code=code("trace_words"),
        program=program("trace_words"),
    shell:
        "python {params.program:q} --model {params.model:q} --train {input.train:q} --output {output.trace:q} "
        "--spec {params.spec:q} --code {params.code:q} --provenance {output.provenance:q} > {log:q} 2>&1"
