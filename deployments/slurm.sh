#!/bin/bash
# One run folder, any number of GPUs:  sbatch deployments/slurm.sh s3://bucket/prompts.parquet s3://bucket/run [OPTION...]
#
# Each task of the array takes shards as it goes (--join). One that is pre-empted or whose node fails is queued again and
# carries on; what it had in hand the others do meanwhile.
#SBATCH --job-name=imagemill
#SBATCH --array=0-7
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
#SBATCH --output=imagemill-%A-%a.log
set -euo pipefail

prompts=$1 out=$2
shift 2

# Two minutes before the time is up the run gives its claims back, and the task is queued again.
# shellcheck disable=SC2329 # the trap calls it
again() {
    kill -TERM "$run" 2>/dev/null || true
    wait "$run" || true
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
    exit 0
}
trap again TERM

# A folder of its own for the private Prefect server: a shared home directory is no place for SQLite.
export PREFECT_HOME=${TMPDIR:-/tmp}/imagemill-prefect-$SLURM_JOB_ID
imagemill render "$prompts" --out "$out" --join --device cuda --log-format json "$@" &
run=$!
code=0
wait "$run" || code=$?
[[ $code == 3 ]] && code=0 # complete, with quarantined rows: no reason for SLURM to call it failed
exit "$code"
