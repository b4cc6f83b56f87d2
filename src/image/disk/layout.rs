//! The disk: a GPT with a BIOS boot partition, an EFI system partition and the root file system, all written into a plain
//! file by the programs of their file systems. Nothing is mounted and no loop device is used.

use super::super::tools::{command, run};
use super::super::{BakeError, Order};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub const SECTOR: u64 = 512;
/// First sectors, all at multiples of a mebibyte.
const BIOS: (u64, u64) = (2048, 2048);
const ESP: (u64, u64) = (4096, 131_072);
pub const ROOT_START: u64 = ESP.0 + ESP.1;
/// The second copy of the table is at the end.
const TAIL: u64 = 2048;

/// Identifiers of a disk, all from the image's hash, so that two bakes of one input have the same.
pub struct Ids {
    hash: String,
}

impl Ids {
    pub fn new(hash: &str) -> Self {
        Ids { hash: hash.to_string() }
    }

    /// A UUID (version 8: of our own making) for one purpose.
    pub fn uuid(&self, purpose: &str) -> String {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{} {purpose}", self.hash));
        let hex: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
        format!("{}-{}-8{}-9{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }
}

/// What sfdisk reads.
pub fn table(ids: &Ids, sectors: u64) -> String {
    let root = sectors - ROOT_START - TAIL;
    let line = |(start, size): (u64, u64), kind: &str, name: &str| {
        format!("start={start}, size={size}, type={kind}, uuid={}, name={name}\n", ids.uuid(name))
    };
    format!("label: gpt\nlabel-id: {}\nunit: sectors\nfirst-lba: 34\n\n", ids.uuid("disk"))
        + &line(BIOS, "21686148-6449-6E6F-744E-656564454649", "bios")
        + &line(ESP, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp")
        + &line((ROOT_START, root), "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "root")
}

/// Writes the disk of a root file system that `grub.sh` has prepared.
/// `epoch`: the time of all that is made here.
pub async fn write(order: &Order, root: &Path, disk: &Path, epoch: Option<i64>) -> Result<(), BakeError> {
    let (cancel, ids) = (&order.plays.cancel, Ids::new(&order.hash));
    let failed = |e: std::io::Error| BakeError::failed(format!("writing {}", disk.display()), e);
    let sectors = order.image.size / (1 << 20) * ((1 << 20) / SECTOR);
    File::create(disk).and_then(|file| file.set_len(sectors * SECTOR)).map_err(failed)?;
    let path = disk.display().to_string();
    run(
        command("sfdisk", &["--quiet", "--no-reread", "--no-tell-kernel", &path]),
        Some(&table(&ids, sectors)),
        cancel,
    )
    .await?;
    let esp = esp(order, root, disk, &ids).await?;
    copy_at(&esp, disk, ESP.0 * SECTOR).map_err(failed)?;
    fs::remove_file(&esp).map_err(failed)?;
    let offset = format!("offset={},root_owner=0:0,hash_seed={}", ROOT_START * SECTOR, ids.uuid("seed"));
    let (uuid, from) = (ids.uuid("root"), root.display().to_string());
    let blocks = ((sectors - ROOT_START - TAIL) * SECTOR / 4096).to_string();
    let args = [
        "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "root", "-U", &uuid, "-E", &offset, "-d", &from, &path,
        &blocks,
    ];
    let mut make = command("mke2fs", &args);
    if let Some(epoch) = epoch {
        // It takes over when each file was last read; a folder is read before it is touched.
        let at = format!("--date=@{epoch}");
        let touch = [&from, "-xdev", "-depth", "-exec", "touch", "--no-dereference", "-a", &at, "{}", "+"];
        run(command("find", &touch), None, cancel).await?;
        // Before 1.47.1 it knows only the second.
        make.env("SOURCE_DATE_EPOCH", epoch.to_string()).env("E2FSPROGS_FAKE_TIME", epoch.to_string());
    }
    run(make, None, cancel).await.map_err(|error| match error.to_string() {
        said if said.contains("Could not allocate") => {
            BakeError::failed(said, "the disk is too small\nhint: give more `size`")
        }
        _ => error,
    })?;
    boot_sectors(&root.join("boot/grub/i386-pc"), disk).map_err(failed)
}

/// The EFI system partition as a file of its own.
async fn esp(order: &Order, root: &Path, disk: &Path, ids: &Ids) -> Result<PathBuf, BakeError> {
    let cancel = &order.plays.cancel;
    let file = disk.with_extension("esp");
    let failed = |e: std::io::Error| BakeError::failed(format!("writing {}", file.display()), e);
    File::create(&file).and_then(|f| f.set_len(ESP.1 * SECTOR)).map_err(failed)?;
    let path = file.display().to_string();
    let serial = ids.uuid("esp")[..8].to_string();
    run(command("mkfs.vfat", &["-F", "32", "-n", "ESP", "-i", &serial, "--invariant", &path]), None, cancel)
        .await?;
    run(command("mmd", &["-i", &path, "::/EFI", "::/EFI/BOOT"]), None, cancel).await?;
    let loader = root.join("boot/grub/BOOTX64.EFI").display().to_string();
    run(command("mcopy", &["-i", &path, &loader, "::/EFI/BOOT/BOOTX64.EFI"]), None, cancel).await?;
    Ok(file)
}

/// Copies a file into the disk, leaving holes where it has only zeros.
fn copy_at(from: &Path, disk: &Path, offset: u64) -> std::io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::options().write(true).open(disk)?);
    let mut block = vec![0; 1 << 16];
    let mut at = offset;
    loop {
        let length = from.read(&mut block)?;
        if length == 0 {
            return Ok(());
        }
        if block[..length].iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(at))?;
            to.write_all(&block[..length])?;
        }
        at += length as u64;
    }
}

/// What `grub-bios-setup` does on a device: the first sector loads the first sector of the BIOS boot partition, and that
/// one the rest of the core image. Places and meanings are those of GRUB's documentation of its boot sectors.
fn boot_sectors(grub: &Path, disk: &Path) -> std::io::Result<()> {
    let mut boot = fs::read(grub.join("boot.img"))?;
    let mut core = fs::read(grub.join("core.img"))?;
    let sectors = (core.len() as u64).div_ceil(SECTOR);
    if boot.len() != 512 || sectors > BIOS.1 || sectors < 2 {
        return Err(std::io::Error::other("the boot loader's images are not of the size they should be"));
    }
    patch(&mut boot, &mut core, sectors);
    let mut file = File::options().read(true).write(true).open(disk)?;
    // From 440 on the sector is the partition table's.
    file.write_all(&boot[..440])?;
    file.seek(SeekFrom::Start(BIOS.0 * SECTOR))?;
    file.write_all(&core)
}

fn patch(boot: &mut [u8], core: &mut [u8], sectors: u64) {
    // Where the core image begins, and that the drive is the one the BIOS booted from.
    boot[0x5c..0x64].copy_from_slice(&BIOS.0.to_le_bytes());
    boot[0x64] = 0xff;
    // A hard disk is told apart from a floppy by its number only; do not ask.
    boot[0x66..0x68].copy_from_slice(&[0x90, 0x90]);
    // The last twelve bytes of the core image's first sector: where its other sectors are, how many, and the segment they
    // are loaded to.
    core[0x1f4..0x1fc].copy_from_slice(&(BIOS.0 + 1).to_le_bytes());
    core[0x1fc..0x1fe].copy_from_slice(&u16::try_from(sectors - 1).unwrap_or(u16::MAX).to_le_bytes());
    core[0x1fe..0x200].copy_from_slice(&0x0820_u16.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_from_the_hash_and_differ_by_purpose() {
        let ids = Ids::new("abc");
        assert_eq!(ids.uuid("root"), Ids::new("abc").uuid("root"));
        assert_ne!(ids.uuid("root"), ids.uuid("esp"));
        assert_ne!(ids.uuid("root"), Ids::new("abd").uuid("root"));
        let text = ids.uuid("root");
        assert_eq!((text.len(), &text[14..15], &text[19..20]), (36, "8", "9"));
    }

    #[test]
    fn partitions_do_not_overlap_and_leave_room_for_the_second_table() {
        let sectors = (2 << 30) / SECTOR;
        let text = table(&Ids::new("x"), sectors);
        let number = |line: &str, key: &str| -> u64 {
            let rest = &line[line.find(key).unwrap() + key.len()..];
            rest.split(',').next().unwrap().parse().unwrap()
        };
        let mut end = 2048;
        for line in text.lines().filter(|l| l.starts_with("start=")) {
            let start = number(line, "start=");
            assert!(start >= end && start % 2048 == 0, "{line}");
            end = start + number(line, "size=");
        }
        assert!(end + 33 < sectors);
    }
}
