//! The upload against a service that looks at every block.

use super::super::blocks::Start;
use super::*;
use crate::cloud::calls::CallFuture;
use std::sync::Mutex;

const SIZE: usize = 1024;

/// Takes nothing that does not add up; `refuses` is an index whose block is not taken.
#[derive(Default)]
struct Fake {
    written: Mutex<BTreeMap<i32, Vec<u8>>>,
    completed: Mutex<Option<i32>>,
    refuses: Option<i32>,
    late: Mutex<u32>,
}

impl Blocks for Fake {
    fn start(&self, _: Start) -> CallFuture<'_, (String, usize)> {
        Box::pin(async { Ok(("snap-1".into(), SIZE)) })
    }

    fn put(&self, snapshot: &str, index: i32, data: Arc<[u8]>, checksum: String) -> CallFuture<'_, ()> {
        assert_eq!(snapshot, "snap-1");
        Box::pin(async move {
            if self.refuses == Some(index) {
                return Err(CallError::own("ebs:PutSnapshotBlock", "no"));
            }
            if std::mem::replace(&mut *self.late.lock().unwrap(), 0) > 0 {
                let error = CallError::own("ebs:PutSnapshotBlock", "no such snapshot");
                return Err(CallError { code: "ResourceNotFoundException".into(), ..error });
            }
            assert!(self.completed.lock().unwrap().is_none(), "a block after the end");
            assert_eq!(data.len(), SIZE, "blocks are whole");
            assert_eq!(checksum, base64(Sha256::digest(&data)));
            let twice = self.written.lock().unwrap().insert(index, data.to_vec());
            assert!(twice.is_none(), "block {index} came twice");
            Ok(())
        })
    }

    fn complete(&self, _: &str, blocks: i32, checksum: String) -> CallFuture<'_, ()> {
        Box::pin(async move {
            let written = self.written.lock().unwrap();
            assert_eq!(usize::try_from(blocks).unwrap(), written.len());
            let digests: Vec<u8> = written.values().flat_map(|data| Sha256::digest(data).to_vec()).collect();
            assert_eq!(checksum, base64(Sha256::digest(digests)));
            *self.completed.lock().unwrap() = Some(blocks);
            Ok(())
        })
    }
}

/// Uploads a file of 100 and a half blocks of which some are empty; what the service has of it.
async fn uploaded(fake: Fake) -> (Result<i32, String>, Arc<Fake>, Vec<u8>) {
    let mut bytes = vec![0; 100 * SIZE + SIZE / 2];
    for (at, block) in bytes.chunks_mut(SIZE).enumerate().filter(|(at, _)| at % 3 == 0 || *at == 100) {
        block.fill(u8::try_from(at).unwrap() + 1);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let fake = Arc::new(fake);
    let blocks: Arc<dyn Blocks> = Arc::clone(&fake) as Arc<dyn Blocks>;
    let done = upload(&blocks, "snap-1", file.path(), SIZE).await;
    (done, fake, bytes)
}

#[tokio::test]
async fn every_block_that_is_not_empty_is_written_once() {
    let (done, fake, bytes) = uploaded(Fake { late: Mutex::new(1), ..Fake::default() }).await;
    assert_eq!(done, Ok(35));
    assert_eq!(*fake.completed.lock().unwrap(), Some(35));
    let mut read = vec![0; 101 * SIZE];
    for (index, data) in fake.written.lock().unwrap().iter() {
        let at = usize::try_from(*index).unwrap() * SIZE;
        read[at..at + SIZE].copy_from_slice(data);
    }
    assert_eq!(&read[..bytes.len()], bytes);
    assert!(!fake.written.lock().unwrap().contains_key(&1));
}

#[tokio::test]
async fn a_block_that_is_refused_ends_it_before_it_is_complete() {
    let (done, fake, _) = uploaded(Fake { refuses: Some(48), ..Fake::default() }).await;
    assert!(done.unwrap_err().contains("block 48"));
    assert_eq!(*fake.completed.lock().unwrap(), None);
}
