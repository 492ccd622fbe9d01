"""Sample texts from a language model or an encoder–decoder: every method of a sampling continues every prompt, or answers it;
a JSON line a text.

All texts share as few batches as there is room for, whatever their methods; each has a random stream of its own, so that a
changed method changes its own texts only.
"""

from pathlib import Path

from pydantic import Field

from relab.errors import run
from relab.jobs import job_parser, job_settings, record_provenance
from relab.settings.base import Int
from relab.settings.samplings import Sampling


class Job(Sampling):
    """Settings of the job."""

    order: list[str] = Field(description="The methods in the order in which tables show them.")
    threads: Int = Field(description="Compute threads.", ge=1)


def main() -> None:
    cli = job_parser(__doc__)
    cli.add_argument("--model", required=True, type=Path, metavar="FOLDER", help="model directory")
    prompts = cli.add_argument_group("where prompts are taken from, if they do not stand in the settings")
    prompts.add_argument("--corpus", type=Path, metavar="FILE", help="a split of a corpus (Parquet)")
    prompts.add_argument("--dataset", type=Path, metavar="FILE", help="a split of a data set (Parquet)")
    prompts.add_argument("--files", type=Path, nargs="+", default=[], metavar="FILE", help="files of one text each (UTF-8)")
    cli.add_argument("--output", required=True, type=Path, metavar="FILE", help="the texts (JSON lines)")
    args = cli.parse_args()
    job = job_settings(args, Job)
    job = job.model_copy(update={"methods": {name: job.methods[name] for name in job.order}})

    from tqdm import tqdm

    from relab import precision
    from relab.checkpoints import load_model, load_tokenizer
    from relab.device import device_name, peak_gpu_memory, pick_device, prepare_device
    from relab.sampling.prompts import LanguageModel, build_prompts
    from relab.sampling.texts import max_tokens, sample_records, write_records

    device = pick_device()
    prepare_device(device, job.threads)
    with record_provenance(args, outputs=[args.output]) as entry:
        lm = LanguageModel(load_model(args.model, device, job.precision), load_tokenizer(args.model))
        prompts = build_prompts(job, lm, [path for path in (args.corpus, args.dataset, *args.files) if path])
        with tqdm(total=max_tokens(job, len(prompts)), unit="token", disable=None, mininterval=1) as bar:
            records = list(sample_records(job, lm, prompts, bar.update))
        write_records(args.output, records)
        entry |= {"device": device_name(device), "precision": precision.used(lm.model)}
        entry |= {"seed": job.seed, **peak_gpu_memory(device)}
    if cut := sum(any(read.cut for read in prompt.inputs.values()) for prompt in prompts):
        print(f"{cut} of {len(prompts)} sources are longer than what the encoder takes: their ends were cut off")
    print(f"{len(records)} texts, {sum(len(record['token_ids']) for record in records):,} tokens, on {device}")


if __name__ == "__main__":
    run(main)
