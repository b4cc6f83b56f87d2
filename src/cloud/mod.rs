//! The cloud: EC2 and what goes with it, as tasks need it.
//!
//! - [`access`]: whose credentials, which region, which address; what is missing is said in a user's words. A role
//!   behind a second factor is assumed here.
//! - [`calls`], [`ec2`]: the calls used, behind one trait a service. [`retry`] has the patience of every call: attempts
//!   with jitter, time limits, "not found" after one's own creation means "not yet".
//! - [`table`], [`kinds`]: what there is of each kind, read once a run and shared by all tasks (a converged stack costs
//!   one call a kind), kept true by own writes; waiting is one poller a kind, whoever waits.
//! - [`identity`]: the tags that every thing carries from its first moment, and by which it is found again.
//! - [`census`]: what there is by tag, from any machine; [`expiry`]: how old it is, and when it may go.
//! - [`create`]: a creation is made once, whatever becomes of its answer. [`remove`]: a removal waits for what uses
//!   the thing, and until it is gone; [`named`] is the same for what has a name and no id.
//! - [`lock`]: an object in S3 that lets one run at a time change a stack.
//! - [`autoscaling`], [`iam`], [`ssm`], [`sts`]: the calls of further services.
//!
//! Invariants: nothing here decides or prints; every creation and removal is noted (in the journal) before it is sent;
//! no creation is repeated before it was looked up.

pub mod access;
pub mod autoscaling;
pub mod calls;
pub mod census;
mod census_named;
pub mod create;
pub mod ec2;
pub mod error;
pub mod expiry;
pub mod iam;
pub mod identity;
pub mod kinds;
pub mod kinds_images;
pub mod lock;
pub mod named;
pub mod remove;
pub mod retry;
pub mod scaling_groups;
mod second_factor;
pub mod session;
pub mod ssm;
pub mod sts;
pub mod table;
mod together;

pub use access::{Access, Role};
pub use census::Census;
pub use ec2::Ec2;
pub use error::{CallError, Outcome};
pub use identity::{Identity, Op, Tags};
pub use remove::Thing;
pub use session::{Account, Session, Witness};
pub use table::{Kind, Table, interval};
pub use together::together;
