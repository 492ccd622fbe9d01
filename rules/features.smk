# Texts as vectors of frozen encoders.


rule encode_texts:
    """Encode the texts of one part of a data set with a frozen encoder: three poolings from one forward pass."""
    input:
        unpack(inputs("encode_texts")),
    output:
        features="results/features/{encoder}/{dataset}/{part}.safetensors",
        stats="results/features/{encoder}/{dataset}/{part}.json",
        provenance="results/features/{encoder}/{dataset}/{part}.safetensors.provenance.json",
    log:
        "results/logs/encode_texts/{encoder}/{dataset}/{part}.log",
    benchmark:
        "results/benchmarks/encode_texts/{encoder}/{dataset}/{part}.jsonl"
    group:
        together("features_{encoder}_{dataset}")
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        mem_mb=memory(2000, with_card=6000),
        runtime=240,
    params:
        model=input_folder("weights"),
        spec=spec("encode_texts"),
        code=code("encode_texts"),
        program=program("encode_texts"),
    shell:
        recorded(
            "python {params.program:q} --model {params.model:q} --part {input.part:q} --output "
            "{output.features:q} --stats {output.stats:q}"
        )
