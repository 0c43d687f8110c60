"""A real Slurm on this machine: munged, slurmctld and two nodes with two stand-in GPUs each, on loopback, no systemd.

`python tests/slurm/cluster.py up [FOLDER]` and `… down [FOLDER]` do by hand what the tests do.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd", "slurmdbd", "mariadb-server")
PROGRAMS = ("munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd", "sbatch", "srun")
#: Where Slurm's programs look: the job step takes SLURM_CONF out of its environment.
ETC = Path("/etc/slurm")
PORT = 17917

CONF = """\
ClusterName=nst
SlurmctldHost=localhost({address})
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={address}
AccountingStoragePort={database_port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,NoShared
MinJobAge=600
ReturnToService=2
KillWait=5
OverTimeLimit=0
SlurmctldTimeout=30
SlurmdTimeout=10
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr={address} Port=[{first}-{last}] CPUs={cpus} Boards=1 \
SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=gpu Nodes=ALL Default=YES MaxTime=60 DefMemPerCPU=500 State=UP
"""

DATABASE_CONF = """\
DbdHost=localhost
DbdAddr={address}
DbdPort={database_port}
CommunicationParameters=NoInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={mariadb_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""
#: In which the daemons end; the nodes after the first.
ORDER = ("slurmctld", "", "slurmdbd", "mariadbd", "munged")
FILES = ("slurm.conf", "gres.conf", "slurmdbd.conf")


class Cluster:
    """Started with `up`, ended with `down`, whatever has happened to its parts in between."""

    def __init__(self, folder: Path, nodes: int = 2, gpus: int = 2, cpus: int = 4, memory: int = 8000):
        self.folder, self.nodes, self.gpus = folder, nodes, gpus
        self.shape = {"cpus": cpus, "memory": memory}
        # Slurm binds its sockets to what the host's name resolves to: where that is not loopback, the daemons, and so
        # the jobs, get a name of their own.
        found = self._address()
        self._renamed = not found.startswith("127.")
        self._started: list[subprocess.Popen] = []
        self.address = "127.0.0.1" if self._renamed else found

    @staticmethod
    def _address() -> str:
        try:
            return socket.gethostbyname(socket.gethostname())
        except OSError:
            return ""

    def up(self) -> None:
        """Start everything and wait until the nodes are idle; RuntimeError with the logs' ends if they are not."""
        self._check_places()
        for part in ("log", "state", "dev", *(f"spool/n{n}" for n in self._numbers())):
            (self.folder / part).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._start_munge()
        for gpu in range(self.gpus):  # slurmd wants device files, or jobs see no CUDA_VISIBLE_DEVICES
            subprocess.run(["mknod", "-m", "666", self.folder / f"dev/gpu{gpu}", "c", "1", "3"], check=True)
        ports = {"port": PORT, "first": PORT + 1, "last": PORT + self.nodes, "database_port": PORT + 50}
        places = ports | {"mariadb_port": PORT + 51, "address": self.address, "folder": self.folder}
        self._write("slurm.conf", CONF.format(**places, nodes=self.nodes, gpus=self.gpus, **self.shape))
        self._write("gres.conf", f"Name=gpu File={self.folder}/dev/gpu[0-{self.gpus - 1}]\n")
        self._start_accounting(DATABASE_CONF.format(**places))
        self.start_controller()
        for number in self._numbers():
            self.start_node(number)
        self.wait(lambda: self._states().count("idle") == self.nodes, 30, "idle nodes")

    def down(self) -> None:
        """End the jobs, the daemons that were started here, and what jobs have left behind."""
        self.cancel_jobs()
        for record in sorted(
            (self.folder / "pids").glob("*"), key=lambda path: ORDER.index(path.name) if path.name in ORDER else 1
        ):
            self._end(record)
        for process in self.processes(""):
            _kill(process, signal.SIGKILL)
        for started in self._started:
            started.poll()
        for name in FILES:
            if (ETC / name).is_symlink() and (ETC / name).readlink() == self.folder / name:
                (ETC / name).unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cancel_jobs(self) -> None:
        """Cancel all jobs, and wait for their end."""
        self._ask("scancel", "--user=root")
        self._give_time(lambda: not self.jobs(), 15)

    def start_controller(self) -> None:
        """Start slurmctld; it takes up the jobs of the one before."""
        self._daemon("slurmctld", "slurmctld", "-D")

    def stop_controller(self) -> None:
        """End slurmctld; jobs go on."""
        self._end(self.folder / "pids" / "slurmctld")

    def start_node(self, number: int) -> None:
        """Start a node's slurmd."""
        self._daemon(f"n{number}", "slurmd", "-D", "-N", f"n{number}")

    def lose_node(self, number: int) -> None:
        """What a power cut does: its slurmd and all that runs on it are gone."""
        _kill(int((self.folder / "pids" / f"n{number}").read_text()), signal.SIGKILL)
        for process in self.processes("", node=f"n{number}"):
            _kill(process, signal.SIGKILL)

    def jobs(self, state: str = "") -> list[str]:
        """Numbers of the jobs that Slurm has, or of those in a state such as RUNNING."""
        wanted = ["--states", state] if state else []
        return self._ask("squeue", "--noheader", "--format=%A", *wanted).split()

    def processes(self, having: str, node: str = "") -> list[int]:
        """Of the jobs on a node, or on any, those with a text in their command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended
                continue
            ours = f"SLURMD_NODENAME={node}".encode() in environment
            if ours and having in command and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        return sorted(found)

    def wait(self, until: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for something; RuntimeError with the logs' ends where it does not come."""
        if not self._give_time(until, seconds):
            logs = [f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in self.folder.glob("log/*")]
            raise RuntimeError(f"no {what} after {seconds:g} s\n" + "\n".join(logs))

    @staticmethod
    def _give_time(until: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until():
                return True
            time.sleep(0.2)
        return until()

    def _numbers(self) -> range:
        return range(1, self.nodes + 1)

    def _check_places(self) -> None:
        for name in FILES:
            place = ETC / name
            if place.exists() and not place.is_symlink():
                raise RuntimeError(f"{place} exists: this machine has a Slurm of its own, which is left alone")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        kinds = ("key", "socket", "pid", "log", "seed")
        flags = [f"--{kind}{'' if kind == 'socket' else '-file'}={self.folder}/munge.{kind}" for kind in kinds]
        self._daemon("munged", "munged", "--foreground", "--force", *flags)
        self.wait(lambda: (self.folder / "munge.socket").exists(), 10, "munge socket")

    def _start_accounting(self, conf: str) -> None:
        """MariaDB and slurmdbd, and in them the cluster, an account and its user: before slurmctld asks for them."""
        data, door = self.folder / "mysql", self.folder / "mysql.socket"
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        quick = ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
        subprocess.run([*install, *quick], check=True, capture_output=True)
        self._daemon(
            "mariadbd", "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={door}",
            "--bind-address=127.0.0.1", f"--port={PORT + 51}", f"--pid-file={self.folder}/mariadbd.pid",
            "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
            "--innodb-lock-wait-timeout=900", "--skip-log-bin",
        )  # fmt: skip
        ask = ["mariadb", "--no-defaults", f"--socket={door}", "--execute"]
        user = "slurm@'127.0.0.1'"
        sql = f"CREATE USER {user} IDENTIFIED BY 'slurm'; GRANT ALL ON slurm_acct_db.* TO {user};"
        self.wait(lambda: subprocess.run([*ask, "SELECT 1"], capture_output=True).returncode == 0, 30, "MariaDB")
        subprocess.run([*ask, f"CREATE DATABASE slurm_acct_db; {sql}"], check=True, capture_output=True)
        self._write("slurmdbd.conf", conf, mode=0o600)
        self._daemon("slurmdbd", "slurmdbd", "-D")
        tell = ["sacctmgr", "--immediate", "--quiet", "add"]
        self.wait(
            lambda: subprocess.run(["sacctmgr", "show", "cluster"], capture_output=True).returncode == 0, 30, "dbd"
        )
        for what in (["cluster", "nst"], ["account", "lab", "Cluster=nst"], ["user", "root", "Account=lab"]):
            subprocess.run([*tell, *what], check=True, capture_output=True)

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        (self.folder / name).touch(mode)
        (self.folder / name).write_text(text)
        ETC.mkdir(exist_ok=True)
        (ETC / name).unlink(missing_ok=True)
        (ETC / name).symlink_to(self.folder / name)

    def _daemon(self, name: str, *command: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "SLURM_CONF"}
        rename = ["unshare", "--uts", "sh", "-c", 'hostname localhost; exec "$@"', "sh"] if self._renamed else []
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            process = subprocess.Popen(
                [*rename, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        pids = self.folder / "pids"
        pids.mkdir(exist_ok=True)
        (pids / name).write_text(str(process.pid))

    def _end(self, record: Path) -> None:
        process = int(record.read_text())
        _kill(process, signal.SIGTERM)
        if not self._give_time(lambda: _ended(process), 10):
            _kill(process, signal.SIGKILL)
        record.unlink()

    def _states(self) -> list[str]:
        return self._ask("sinfo", "--noheader", "--Node", "--format=%t").split()

    @staticmethod
    def _ask(*command: str) -> str:
        environment = {key: value for key, value in os.environ.items() if key != "SLURM_CONF"}
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment).stdout
        except subprocess.TimeoutExpired:
            return ""


def missing() -> str:
    """Why a cluster cannot be brought up here, or nothing; packages that apt can get are no reason."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm of one's own needs root"
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # the daemons' place, which is not on every PATH
    if not all(map(shutil.which, PROGRAMS)):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
        if shutil.which("apt-get"):
            subprocess.run(install, capture_output=True, check=False)
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    return f"Slurm is not installed ({', '.join(absent)}), and apt-get cannot install it" if absent else ""


def _kill(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _ended(process: int) -> bool:
    """Whether a process has ended; a child of ours is then taken note of."""
    try:
        if os.waitpid(process, os.WNOHANG)[0]:
            return True
    except ChildProcessError:
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


if __name__ == "__main__":
    place = Cluster(Path(sys.argv[2] if len(sys.argv) > 2 else "/tmp/nst-slurm").resolve())
    {"up": place.up, "down": place.down}[sys.argv[1]]()
