//! File systems on devices, and what the kernel loads for hardware.

use super::Node;

pub async fn carried_out(node: &Node) {
    node.sh("truncate -s 64M /srv/disk").await;
    let uuid = "8c5a2d1e-0b6f-4f5c-9a3d-1f2e3d4c5b6a";
    node.converges("filesystem", &format!("{{dev: /srv/disk, fstype: ext4, opts: -L data, uuid: {uuid}}}"))
        .await;
    let told = node.sh("blkid -o value -s LABEL -s UUID /srv/disk").await;
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), ["data", uuid]);
    node.settled("filesystem", "{dev: /srv/disk, fstype: ext4, resizefs: true}").await;
    node.sh("truncate -s 96M /srv/disk").await;
    node.settled("filesystem", "{dev: /srv/disk, fstype: ext4}").await;
    node.converges("filesystem", "{dev: /srv/disk, fstype: ext4, resizefs: true}").await;
    assert!(node.sh("dumpe2fs -h /srv/disk 2>/dev/null | tr -s ' '").await.contains("Block count: 98304"));
    node.fails("filesystem", "{dev: /srv/disk, fstype: swap}", "already used as ext4").await;
    node.converges("filesystem", "{dev: /srv/disk, fstype: swap, force: true}").await;
    node.converges("filesystem", "{dev: /srv/disk, state: absent}").await;
    node.converges(
        "apt",
        "{name: [btrfs-progs, dosfstools, f2fs-tools, xfsprogs], install_recommends: false}",
    )
    .await;
    node.sh("truncate -s 512M /srv/disk").await;
    for fstype in ["xfs", "btrfs", "vfat", "f2fs"] {
        node.converges("filesystem", &format!("{{dev: /srv/disk, fstype: {fstype}, force: true}}")).await;
    }
    node.fails("filesystem", "{dev: /srv/disk, fstype: f2fs, resizefs: true}", "does not support resizing")
        .await;
    node.converges("filesystem", &format!("{{dev: /srv/disk, fstype: xfs, force: true, uuid: {uuid}}}"))
        .await;
    assert_eq!(node.sh("blkid -p -o value -s UUID /srv/disk").await, uuid);
    node.settled("filesystem", "{dev: /srv/none, state: absent}").await;
    node.converges("kernel_blacklist", "{name: floppy}").await;
    node.converges("kernel_blacklist", "{name: floppy, state: absent}").await;
}
