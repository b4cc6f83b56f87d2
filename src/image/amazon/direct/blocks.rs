//! The calls of EBS direct that are used, behind one trait: a snapshot is written block by block, with no instance.

use crate::cloud::calls::{CallFuture, Repeat};
use crate::cloud::retry::{Manner, patiently};
use crate::cloud::{Account, CallError, Tags};
use aws_sdk_ebs::primitives::ByteStream;
use aws_sdk_ebs::types::{ChecksumAggregationMethod, ChecksumAlgorithm, Tag};
use std::sync::Arc;

/// A snapshot that is to be written.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Size of the volume that the snapshot is of.
    pub gib: i64,
    /// Shown beside the snapshot.
    pub description: String,
    /// Names the attempt: a repeated call begins no second snapshot.
    pub token: String,
    /// It has them from its first moment.
    pub tags: Tags,
    /// Otherwise as the account's default has it.
    pub encrypted: bool,
    /// With `encrypted`; `None`: the account's default key.
    pub kms_key: Option<String>,
}

/// EBS direct.
pub trait Blocks: Send + Sync {
    /// Begins a snapshot; its id, and the bytes of a block.
    fn start(&self, start: Start) -> CallFuture<'_, (String, usize)>;
    /// Writes one block. `checksum`: its SHA-256, base64.
    fn put(&self, snapshot: &str, index: i32, data: Arc<[u8]>, checksum: String) -> CallFuture<'_, ()>;
    /// Says that all is written. `checksum`: SHA-256 over the blocks' digests in the order of their indices, base64.
    fn complete(&self, snapshot: &str, blocks: i32, checksum: String) -> CallFuture<'_, ()>;
}

/// The real service.
pub struct Service {
    client: aws_sdk_ebs::Client,
    manner: Arc<Manner>,
}

impl Service {
    /// The service in the account's region, with its credentials and patience. Makes no call.
    pub fn of(account: &Account) -> Service {
        Service { client: aws_sdk_ebs::Client::new(&account.config), manner: Arc::clone(&account.manner) }
    }
}

/// Minutes after which the service gives up a snapshot that gets no block.
const TIMEOUT: i32 = 60;

impl Blocks for Service {
    fn start(&self, start: Start) -> CallFuture<'_, (String, usize)> {
        Box::pin(async move {
            const NAME: &str = "ebs:StartSnapshot";
            let tag = |(k, v): (&String, &String)| Tag::builder().key(k).value(v).build();
            let tags: Vec<Tag> = start.tags.iter().map(tag).collect();
            let attempt = || -> CallFuture<'_, (String, usize)> {
                let call = self
                    .client
                    .start_snapshot()
                    .volume_size(start.gib)
                    .description(&start.description)
                    .client_token(&start.token)
                    .timeout(TIMEOUT)
                    .set_tags(Some(tags.clone()))
                    .set_encrypted(start.encrypted.then_some(true))
                    .set_kms_key_arn(start.kms_key.clone());
                Box::pin(async move {
                    let made = call.send().await.map_err(|e| CallError::of(NAME, &e))?;
                    let size = made.block_size.and_then(|s| usize::try_from(s).ok()).unwrap_or(512 << 10);
                    Ok((made.snapshot_id.unwrap_or_default(), size))
                })
            };
            patiently(&self.manner, NAME, Repeat::Same, &attempt).await
        })
    }

    fn put(&self, snapshot: &str, index: i32, data: Arc<[u8]>, checksum: String) -> CallFuture<'_, ()> {
        let snapshot = snapshot.to_string();
        Box::pin(async move {
            const NAME: &str = "ebs:PutSnapshotBlock";
            let length = i32::try_from(data.len()).unwrap_or(i32::MAX);
            let attempt = || -> CallFuture<'_, ()> {
                let call = self
                    .client
                    .put_snapshot_block()
                    .snapshot_id(&snapshot)
                    .block_index(index)
                    .block_data(ByteStream::from(data.to_vec()))
                    .data_length(length)
                    .checksum(&checksum)
                    .checksum_algorithm(ChecksumAlgorithm::ChecksumAlgorithmSha256);
                Box::pin(async move { call.send().await.map(drop).map_err(|e| CallError::of(NAME, &e)) })
            };
            patiently(&self.manner, NAME, Repeat::Same, &attempt).await
        })
    }

    fn complete(&self, snapshot: &str, blocks: i32, checksum: String) -> CallFuture<'_, ()> {
        let snapshot = snapshot.to_string();
        Box::pin(async move {
            const NAME: &str = "ebs:CompleteSnapshot";
            let attempt = || -> CallFuture<'_, ()> {
                let call = self
                    .client
                    .complete_snapshot()
                    .snapshot_id(&snapshot)
                    .changed_blocks_count(blocks)
                    .checksum(&checksum)
                    .checksum_algorithm(ChecksumAlgorithm::ChecksumAlgorithmSha256)
                    .checksum_aggregation_method(ChecksumAggregationMethod::ChecksumAggregationLinear);
                Box::pin(async move { call.send().await.map(drop).map_err(|e| CallError::of(NAME, &e)) })
            };
            patiently(&self.manner, NAME, Repeat::Same, &attempt).await
        })
    }
}
