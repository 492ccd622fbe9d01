# Texts that models generate.


rule sample_texts:
    """Sample texts from a model: every method of a sampling continues every prompt, or answers it."""
    input:
        unpack(inputs("sample_texts")),
    output:
        samples="results/samples/{sampling}.jsonl",
        provenance="results/samples/{sampling}.jsonl.provenance.json",
    log:
        "results/logs/sample_texts/{sampling}.log",
    benchmark:
        "results/benchmarks/sample_texts/{sampling}.jsonl"
    group:
        together(groups.sampling_group)
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(2500, with_card=6000),
        runtime=240,
    params:
        model=input_folder("weights"),
        prompts=lambda wildcards, input: prompt_files(input),
        spec=spec("sample_texts"),
        code=code("sample_texts"),
        program=program("sample_texts"),
    shell:
        recorded("python {params.program:q} --model {params.model:q} {params.prompts:q} --output {output.samples:q}")
