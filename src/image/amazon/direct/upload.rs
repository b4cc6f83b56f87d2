//! A disk's file as a snapshot: its blocks that are not empty, many at a time.

use super::blocks::Blocks;
use crate::cloud::CallError;
use base64::Engine as _;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Blocks under way at a time.
const AT_ONCE: usize = 32;
/// How long a snapshot that was begun may stay unknown to the call that writes.
const NOT_YET: Duration = Duration::from_secs(60);

fn base64(digest: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// Writes the file's blocks into a snapshot and completes it; how many blocks were written.
pub async fn upload(
    blocks: &Arc<dyn Blocks>,
    snapshot: &str,
    path: &Path,
    block_size: usize,
) -> Result<i32, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = Arc::new(std::fs::File::open(path).map_err(failed)?);
    let length = file.metadata().map_err(failed)?.len();
    let count = i32::try_from(length.div_ceil(block_size as u64))
        .map_err(|_| format!("{}: too large for a snapshot", path.display()))?;
    let mut digests: BTreeMap<i32, Vec<u8>> = BTreeMap::new();
    let mut under_way: JoinSet<Result<Option<(i32, Vec<u8>)>, String>> = JoinSet::new();
    for index in 0..count {
        while under_way.len() >= AT_ONCE {
            digests.extend(next(&mut under_way).await?);
        }
        let (blocks, file, snapshot) = (Arc::clone(blocks), Arc::clone(&file), snapshot.to_string());
        under_way.spawn(async move { one(&*blocks, &file, &snapshot, index, block_size).await });
    }
    while !under_way.is_empty() {
        digests.extend(next(&mut under_way).await?);
    }
    let written = i32::try_from(digests.len()).unwrap_or(i32::MAX);
    let mut all = Sha256::new();
    digests.values().for_each(|digest| all.update(digest));
    blocks.complete(snapshot, written, base64(all.finalize())).await.map_err(|e| e.to_string())?;
    Ok(written)
}

async fn next(
    under_way: &mut JoinSet<Result<Option<(i32, Vec<u8>)>, String>>,
) -> Result<Option<(i32, Vec<u8>)>, String> {
    match under_way.join_next().await {
        None => Ok(None),
        Some(Ok(done)) => done,
        Some(Err(broken)) => Err(broken.to_string()),
    }
}

/// One block, unless it is empty: a snapshot reads as zeros where nothing was written.
async fn one(
    blocks: &dyn Blocks,
    file: &std::fs::File,
    snapshot: &str,
    index: i32,
    size: usize,
) -> Result<Option<(i32, Vec<u8>)>, String> {
    let mut data = vec![0; size];
    let offset = u64::try_from(index).unwrap_or(0) * size as u64;
    let mut read = 0;
    while read < size {
        match file.read_at(&mut data[read..], offset + read as u64).map_err(|e| e.to_string())? {
            0 => break,
            n => read += n,
        }
    }
    if data.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let digest = Sha256::digest(&data).to_vec();
    let (data, began): (Arc<[u8]>, Instant) = (data.into(), Instant::now());
    loop {
        match blocks.put(snapshot, index, Arc::clone(&data), base64(&digest)).await {
            Ok(()) => return Ok(Some((index, digest))),
            Err(error) if unknown(&error) && began.elapsed() < NOT_YET => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(format!("block {index}: {error}")),
        }
    }
}

/// A snapshot that was just begun is not known everywhere.
fn unknown(error: &CallError) -> bool {
    error.is(&["ResourceNotFoundException"])
}

#[cfg(test)]
mod tests;
