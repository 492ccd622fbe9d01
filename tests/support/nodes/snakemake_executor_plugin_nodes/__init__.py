"""An executor of Snakemake for tests, whose nodes share no disk with it, nor with each other.

A node is an empty folder for the time of one job, with the environment that Snakemake hands on and nothing of its own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Iterable

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

#: As those of Kubernetes, but that the plugin of the storage is there already.
common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)

#: What a node has by itself.
OF_NODE = ("PATH", "PYTHONPATH", "OMP_NUM_THREADS")


class Executor(RemoteExecutor):
    """Runs jobs as processes, each in a folder that is gone with it."""

    def run_job(self, job: JobExecutorInterface) -> None:
        node = tempfile.TemporaryDirectory(prefix="node-")
        variables = {**{name: os.environ[name] for name in OF_NODE}, "HOME": node.name, **self.envvars()}
        process = subprocess.Popen(["/bin/sh", "-c", self.format_job_exec(job)], cwd=node.name, env=variables)
        self.report_job_submission(SubmittedJobInfo(job, aux={"process": process, "node": node}))

    async def check_active_jobs(self, active_jobs: Iterable[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        for info in active_jobs:
            status = info.aux["process"].poll()
            if status is None:
                yield info
                continue
            info.aux["node"].cleanup()
            if status:
                self.report_job_error(info)
            else:
                self.report_job_success(info)

    def cancel_jobs(self, active_jobs: Iterable[SubmittedJobInfo]) -> None:
        for info in active_jobs:
            info.aux["process"].terminate()
