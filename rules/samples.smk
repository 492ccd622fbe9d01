# Texts that language models generate.


rule sample_texts:
    """Sample texts from a language model: every method of a sampling continues every prompt."""
    input:
        unpack(inputs("sample_texts")),
    output:
        samples="results/samples/{sampling}.jsonl",
        provenance="results/samples/{sampling}.jsonl.provenance.json",
    log:
        "results/logs/sample_texts/{sampling}.log",
    benchmark:
        "results/benchmarks/sample_texts/{sampling}.jsonl"
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=6000 if CARDS else 2500,
        runtime=240,
    params:
        model=input_folder("weights"),
        corpus=lambda wildcards, input: ["--corpus", input.corpus] if "corpus" in input.keys() else [],
        spec=spec("sample_texts"),
        code=code("sample_texts"),
        program=program("sample_texts"),
    shell:
        recorded("python {params.program:q} --model {params.model:q} {params.corpus:q} --output {output.samples:q}")
