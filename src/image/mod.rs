//! Images: a play becomes a machine that can be booted, anywhere.
//!
//! `fitout bake` takes a playbook one of whose plays has `image:`. A **builder** makes a place to provision (a root file
//! system here, an instance in a cloud), the same executor carries out the same plays there as on any host, and the
//! builder turns the place into an image, boots it, plans the plays against it (there must be nothing to do) and hands
//! over an artifact.
//!
//! Rules:
//!
//! - A builder is a list of [`steps`], each with its undo, which runs at every way out: success, error, Ctrl-C, SIGTERM.
//!   What could not be undone is named, and the exit code says so. After `kill -9` processes and mounts go by themselves,
//!   since they hang on this process, and the next bake removes the folder.
//! - An image is named by the hash of what goes into it. One that is there is used again.
//! - Nothing is finished before it has been booted: artifacts get their names last.

pub mod amazon;
pub mod disk;
pub mod manifest;
pub mod options;
pub mod packer;
pub mod plays;
pub mod steps;
pub mod store;
pub mod tools;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use steps::{Ending, OnError};

/// The host that is provisioned, as plays see it, where `image:` gives it no other name.
pub const HOST: &str = "image";

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BakeError {
    /// The play's `image:` cannot be used.
    #[error("{0}")]
    Input(String),
    /// A step, a program or a file failed.
    #[error("{doing}: {why}")]
    Failed {
        /// What was being done: `copying the image`.
        doing: String,
        /// In the words of whoever refused it.
        why: String,
    },
    /// It was asked to stop, by a signal or a key.
    #[error("interrupted")]
    Interrupted,
}

impl BakeError {
    /// What was being done (`copying the image`), and the reason in the words of whoever refused it.
    pub fn failed(doing: impl Into<String>, why: impl ToString) -> Self {
        BakeError::Failed { doing: doing.into(), why: why.to_string() }
    }
}

/// How a builder ended, and what it made when all went well.
pub struct Baked {
    /// Which step failed, and what is left.
    pub ending: Ending,
    /// `None` where there is no image.
    pub manifest: Option<manifest::Manifest>,
    /// The image was there already.
    pub found: bool,
}

/// The end of a bake. An error means that nothing was left behind but what it names.
pub type BuilderFuture<'a> = Pin<Box<dyn Future<Output = Result<Baked, BakeError>> + Send + 'a>>;

/// A way to make an image.
pub trait Builder: Send + Sync {
    /// As `-b` and `builders:` name it.
    fn name(&self) -> &'static str;
    /// Makes the image, or finds it made already. It undoes its own temporary things on every way out, an
    /// interrupt among them.
    ///
    /// # Errors
    /// The order cannot be carried out, or something could not be taken back.
    fn bake(&self, order: Arc<Order>) -> BuilderFuture<'_>;
}

/// Renders every template in a value; the map is what they see besides the play's variables. An error is in a
/// user's words.
pub type Render =
    Arc<dyn Fn(&crate::base::Value, &crate::base::Map) -> Result<crate::base::Value, String> + Send + Sync>;

/// What is to be baked, and how plays are run.
pub struct Order {
    /// `image:` of the play, checked.
    pub image: options::ImageOptions,
    /// The entry of `builders:` that is carried out, its templates as written.
    pub builder: options::BuilderOptions,
    /// Renders templates, with what they see as `fitout_image`.
    pub render: Render,
    /// Name without the hash.
    pub title: String,
    /// Name with the hash of all inputs.
    pub name: String,
    /// Of all inputs, hexadecimal; the end of the name is its beginning.
    pub hash: String,
    /// Bake also where the image is there.
    pub force: bool,
    /// Folder for finished images.
    pub out: PathBuf,
    /// What was read, for the manifest.
    pub playbooks: Vec<String>,
    /// What is carried out, and verified afterwards.
    pub plays: plays::Plays,
    /// Tells the user what is done.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
    /// What a failure leaves behind.
    pub on_error: OnError,
}

/// SHA-256 of a text, hexadecimal.
pub fn sha256_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

/// The builders there are.
pub const BUILDERS: [&str; 3] = ["disk", "amazon-ebs", "amazon-direct"];

/// The builder of a name.
pub fn builder(kind: &str) -> Option<Box<dyn Builder>> {
    match kind {
        "disk" => Some(Box::new(disk::Disk)),
        "amazon-ebs" => Some(Box::new(amazon::AmazonEbs)),
        "amazon-direct" => Some(Box::new(amazon::direct::AmazonDirect)),
        _ => None,
    }
}
