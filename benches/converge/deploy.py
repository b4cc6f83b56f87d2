"""The relay node of site.yml in pyinfra's own operations."""

from io import StringIO

from pyinfra import host
from pyinfra.facts.server import Hostname, Kernel
from pyinfra.operations import apt, files, server, systemd

FOLDERS = ["/etc/relay", "/etc/relay/routes", "/srv/relay", "/srv/relay/spool", "/srv/relay/bin", "/var/log/relay"]
ACCOUNTS = ["relay", "shipper", "auditor"]
CEILINGS = {"core": 0, "nofile": 131072, "nproc": 16384}
TUNABLES = {
    "backlog": "net.core.somaxconn = 4096",
    "buffers": "net.core.wmem_default = 1048576",
    "files": "fs.inotify.max_user_watches = 262144",
    "memory": "vm.dirty_ratio = 15",
    "ports": "net.ipv4.ip_local_port_range = 20000 64000",
}


def put(text, dest, mode="644", **more):
    return files.put(name=dest, src=StringIO(text), dest=dest, mode=mode, **more)


hostname = host.get_fact(Hostname)
assert host.get_fact(Kernel)
apt.packages(name="packages", packages=["ca-certificates", "iproute2", "kmod", "procps", "sudo"])
server.group(name="group", group="relayers", system=True)
for account in ACCOUNTS:
    server.user(
        name=account, user=account, groups=["relayers"], append=True, shell="/bin/bash", ensure_home=True
    )
for folder in FOLDERS:
    files.directory(name=folder, path=folder, mode="755", user="root", group="root")
for name, line in TUNABLES.items():
    put(f"{line}\n", f"/etc/sysctl.d/70-relay-{name}.conf")
for module in ["tcp_bbr", "sch_fq", "dummy"]:
    files.line(name=module, path="/etc/modules", line=module)
put("options dummy numdummies=0\n", "/etc/modprobe.d/relay.conf")
ceilings = "".join(f"* - {what} {most}\n" for what, most in CEILINGS.items())
put(f"# {hostname}\n{ceilings}", "/etc/security/limits.d/80-relay.conf")
files.line(name="pam", path="/etc/pam.d/common-session", line="session optional pam_limits.so")
put("%relayers ALL=(root) NOPASSWD: /usr/bin/journalctl\n", "/etc/sudoers.d/relay", mode="440")
via = ":".join(FOLDERS)
for i in range(10):
    put(f"route {i}\nfrom {host.name}\nvia {via}\n", f"/etc/relay/routes/{i:02d}.route", mode="640", group="relayers")
unit = put(
    f"[Unit]\nDescription=Relay on {hostname}\n\n[Service]\nExecStart=/usr/bin/sleep infinity\n"
    f"User={ACCOUNTS[0]}\n\n[Install]\nWantedBy=multi-user.target\n",
    "/etc/systemd/system/relay.service",
)
files.directory(name="unit folder", path="/etc/systemd/system/relay.service.d", mode="755")
memory = put("[Service]\nMemoryMax=256M\n", "/etc/systemd/system/relay.service.d/memory.conf")
put("41 2 * * * root /usr/bin/true\n", "/etc/cron.d/relay")
files.block(name="notice", path="/etc/issue.net", content="A relay node.\nWhat is done here is logged.")
files.link(name="shortcut", path="/usr/local/relay", target="/srv/relay/bin")
files.line(
    name="journal", path="/etc/systemd/journald.conf", line="^#?MaxRetentionSec=.*", replace="MaxRetentionSec=30day"
)
files.line(name="sshd", path="/etc/ssh/sshd_config", line="^#?PrintLastLog.*", replace="PrintLastLog no")
files.file(name="former", path="/etc/relay/relay.old", present=False)
systemd.service(name="sshd runs", service="ssh", running=True, enabled=True)
systemd.daemon_reload(name="units", _if=lambda: unit.did_change() or memory.did_change())
