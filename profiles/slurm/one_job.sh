#!/bin/sh
# A whole run as one job of Slurm, on one node: for runs of minutes, of which the jobs would wait and start longer than they work.
# From a folder that the nodes share, with your partition and account added:
#
#     sbatch --cpus-per-task=8 --mem=32G --gpus=1 profiles/slurm/one_job.sh results/report.html
#
#SBATCH --cpus-per-task=2
#SBATCH --mem=16G
#SBATCH --time=120
# Two minutes before its time is up, trainings save their progress and put this job back into the queue, where it goes on.
#SBATCH --signal=USR1@120
#SBATCH --requeue
# When it goes on there is still the lock of a Snakemake that Slurm has ended.
exec srun --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" snakemake --nolock --cores "$SLURM_CPUS_PER_TASK" "$@"
