#!/usr/bin/env bash
# Builds a small dataset through configs/clusters/slurm.py on a real Slurm of one node, which this
# starts on loopback and stops again, and compares its digest with that of a local build.
#
#     apt-get install slurmctld slurmd slurm-client munge    (as root, on Debian)
#     tests/run_on_slurm.sh [PYTHON]
#
# It is no part of `make test`: slurmd has to be root, and takes a while on a slow machine.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=${1:-$root/.venv/bin/python}
folder=$(mktemp -d)
chmod 755 "$folder"
started=()

stop() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    sleep 1
    for process in "${started[@]}"; do kill -9 "$process" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap stop EXIT

read -r munge_port controller_port node_port < <("$python" - <<'P'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in sockets))
P
)
name=$(hostname -s)
mkdir -m 755 "$folder/state" "$folder/spool" "$folder/munge"
head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 400 "$folder/munge/key"

munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" \
    --seed-file="$folder/munge/seed" &
started+=($!)

cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName=$name NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4096 State=UNKNOWN
PartitionName=one Nodes=$name Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
slurmctld -D -f "$SLURM_CONF" &
started+=($!)
slurmd -D -f "$SLURM_CONF" -N "$name" &
started+=($!)

for _ in $(seq 120); do
    if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then break; fi
    sleep 0.5
done
sinfo

export PYTHONPATH=$root/pipeline DASK_JOBS=2 DASK_CORES=1 DASK_INTERFACE=lo
export DIGIT_SEQUENCE_CACHE=$folder/cache
cd "$folder"
"$python" -m digit_sequence build "$root/configs/tiny.yaml" -o "$folder/slurm" \
    --cluster "$root/configs/clusters/slurm.py:make_cluster" --worker-timeout 120
"$python" -m digit_sequence build "$root/configs/tiny.yaml" -o "$folder/local" --scheduler threads
cmp "$folder/slurm/dataset.json" "$folder/local/dataset.json"
echo "the same dataset"
