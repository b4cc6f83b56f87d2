//! A file added to an initrd: the kernel unpacks archives one after another, so an archive of one file is put behind.

/// The initrd with one more file at its top, readable by root only.
pub(super) fn with_file(mut initrd: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    // A plain archive is looked for at multiples of four only.
    pad(&mut initrd);
    entry(&mut initrd, name, 0o100_600, content);
    entry(&mut initrd, "TRAILER!!!", 0, b"");
    initrd
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// One entry of cpio's `newc` format: thirteen hexadecimal numbers, the name, the content.
fn entry(out: &mut Vec<u8>, name: &str, mode: usize, content: &[u8]) {
    out.extend(b"070701");
    let (inode, links) = (1, 1);
    let (size, name_size) = (content.len(), name.len() + 1);
    for number in [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0] {
        out.extend(format!("{number:08x}").as_bytes());
    }
    out.extend(name.as_bytes());
    out.push(0);
    pad(out);
    out.extend(content);
    pad(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busybox_reads_what_was_added() {
        let dir = tempfile::tempdir().unwrap();
        let archive = with_file(Vec::new(), "some.tar", b"what is in it\n");
        std::fs::write(dir.path().join("a.cpio"), &archive).unwrap();
        let unpacked = std::process::Command::new("sh")
            .args(["-c", "busybox cpio -i <a.cpio 2>/dev/null && cat some.tar"])
            .current_dir(dir.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&unpacked.stdout), "what is in it\n");
    }

    #[test]
    fn what_is_added_begins_at_a_multiple_of_four() {
        let initrd = with_file(b"12345".to_vec(), "f", b"x");
        assert_eq!(initrd[..14], *b"12345\x00\x00\x00070701");
        assert_eq!(initrd.len() % 4, 0);
    }
}
