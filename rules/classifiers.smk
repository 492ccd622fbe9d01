# Networks fine-tuned as classifiers, with all of their weights or by an adapter.


rule finetune_classifier:
    """Fine-tune a network with a classification head, and predict the test split once; killed, it goes on from state/."""
    input:
        unpack(inputs("finetune_classifier")),
    output:
        weights="results/classifiers/{classifier}/model.safetensors",
        config="results/classifiers/{classifier}/config.json",
        tokenizer="results/classifiers/{classifier}/tokenizer.json",
        tokenizer_config="results/classifiers/{classifier}/tokenizer_config.json",
        history="results/classifiers/{classifier}/history.csv",
        texts="results/classifiers/{classifier}/texts.csv",
        predictions="results/classifiers/{classifier}/predictions.parquet",
        provenance="results/classifiers/{classifier}/predictions.parquet.provenance.json",
    log:
        "results/logs/finetune_classifier/{classifier}.log",
    benchmark:
        "results/benchmarks/finetune_classifier/{classifier}.jsonl"
    wildcard_constraints:
        classifier=made_by("finetune_classifier"),
    conda:
        "../envs/train.yaml"
    threads: ARTEFACTS.threads
    resources:
        gpu=gpu,
        # measured at 1,300 MiB for MiniLM, 2,780 for an adapter of SmolLM2, on a CPU
        mem_mb=memory(3500, with_card=8000),
        runtime=480,
    params:
        model=input_folder("config"),
        directory=output_folder("predictions"),
        spec=spec("finetune_classifier"),
        code=code("finetune_classifier"),
        program=program("finetune_classifier"),
    shell:
        recorded(
            "python {params.program:q} --train {input.train:q} --validation {input.validation:q} --test "
            "{input.test:q} --model {params.model:q} --output-dir {params.directory:q} --cards {resources.gpu}"
        )


use rule finetune_classifier as finetune_classifier_by_adapter with:
    output:
        weights="results/classifiers/{classifier}/adapter_model.safetensors",
        adapter="results/classifiers/{classifier}/adapter_config.json",
        config="results/classifiers/{classifier}/config.json",
        tokenizer="results/classifiers/{classifier}/tokenizer.json",
        tokenizer_config="results/classifiers/{classifier}/tokenizer_config.json",
        history="results/classifiers/{classifier}/history.csv",
        texts="results/classifiers/{classifier}/texts.csv",
        predictions="results/classifiers/{classifier}/predictions.parquet",
        provenance="results/classifiers/{classifier}/predictions.parquet.provenance.json",
    log:
        "results/logs/finetune_classifier_by_adapter/{classifier}.log",
    benchmark:
        "results/benchmarks/finetune_classifier_by_adapter/{classifier}.jsonl"
    wildcard_constraints:
        classifier=made_by("finetune_classifier_by_adapter"),
