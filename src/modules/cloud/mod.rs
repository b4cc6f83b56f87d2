//! What a cloud module is: observe → decide → apply over the API of a service, on the controller.
//!
//! A module implements [`Resource`] and hands out `Behaviour::Cloud(cloud::resource(Mine))`:
//!
//! - `key` names the thing within its stack, from the arguments alone, so that it is found again by its tags.
//! - `observe` looks, through the tables of [`Account`], which are read once a run. It makes no write call. An argument
//!   that is not known yet (`Value::Unknown`: the id of what an earlier task would make) is passed as such: what
//!   would stand inside such a thing is not there.
//! - `decide` is pure: arguments × what was seen → [`Verdict`]: a change with its reason and differences attribute by
//!   attribute, the steps that lead there, and the return values as far as they are known now.
//! - `apply` carries out the steps and gives the final return values.
//!
//! A module that only reads implements [`Query`]: `Behaviour::Cloud(cloud::query(Mine))`.

pub mod address;
pub mod baked;
mod claims;
mod diff;
pub mod find;
mod info;
mod input;
mod machine;
pub mod named;
pub mod owned;
pub mod place;
pub mod values;

pub use claims::claims;
pub use diff::Attributes;
pub use info::Info;
pub use input::{TagChange, filters, tags_of, tags_value};
pub use place::{Group, Place};

use super::{Args, ArgsExt, Controller, Failure};
use crate::base::{Map, Value};
use crate::cloud::{Account, CallError, Identity, Kind, Tags, Thing};
use crate::plan::{Change, Claims};
use crate::spec::ModuleSpec;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a module's calls to the service come to; its refusals are failures in a user's words.
pub type CloudFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// What a module gets to work with.
pub struct Cx<'a> {
    /// Validated; some may be unknown in a plan.
    pub args: &'a Args,
    /// The region and the credentials that they ask for.
    pub account: Arc<Account>,
    /// Whose thing this is. Its node is `MODULE/KEY`.
    pub identity: Identity,
    /// Other units of the run that are the same node.
    pub group: Group,
    /// Nothing may be changed.
    pub check: bool,
    /// The task's name, for what is not known yet.
    pub title: &'a str,
    /// Facts, local files, and whether diffs are wanted.
    pub controller: &'a dyn Controller,
    /// Told of a change before it is made; an error where it may not be made.
    pub begins: &'a (dyn Fn(&Change) -> Result<(), Failure> + Send + Sync),
    /// Told how far a change is that takes its time: in words, and in percent where that is known.
    pub progress: &'a (dyn Fn(&str, Option<i32>) + Send + Sync),
}

impl Cx<'_> {
    /// A value that this task's effect will tell.
    pub fn unknown(&self) -> Value {
        Value::Unknown(format!("`{}` has run", self.title).into())
    }

    /// What is foreseen of a thing, and unknown all else that is told of one: a play that reads it is planned all the same.
    /// `like`: how a thing of the kind is told.
    pub fn open(&self, foreseen: Map, like: Map) -> Map {
        let mut all: Map = like.keys().map(|name| (name.clone(), self.unknown())).collect();
        all.extend(foreseen);
        all
    }

    /// The argument's text; `None` where it is not given or not known yet.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.opt_str(name)
    }

    /// Whether an argument is, or holds, a value that is not known yet.
    pub fn is_unknown(&self, name: &str) -> bool {
        self.args.get(name).is_some_and(super::has_unknown)
    }
}

/// What is to be done, and what comes of it.
pub struct Verdict<S> {
    /// `None`: nothing to do.
    pub change: Option<Change>,
    /// What `apply` has to do; of no use without a change, unless it waits.
    pub steps: S,
    /// The return values as far as they are known before the steps; the rest is [`Cx::unknown`].
    pub result: Map,
    /// Shown whether there is a change or not.
    pub warnings: Vec<String>,
}

impl<S> Verdict<S> {
    /// There is something to do. `steps` is what `apply` gets, `result` what is known of the return values
    /// before it.
    pub fn new(change: Change, steps: S, result: Map) -> Verdict<S> {
        Verdict { change: Some(change), steps, result, warnings: Vec::new() }
    }
}

impl<S: Default> Verdict<S> {
    /// The thing is as wanted; `result` is all that the task returns.
    pub fn unchanged(result: Map) -> Verdict<S> {
        Verdict { change: None, steps: S::default(), result, warnings: Vec::new() }
    }
}

/// A kind of thing that tasks make, change and remove.
pub trait Resource: Send + Sync + 'static {
    /// What `observe` found: descriptions as the service gave them.
    type Seen: Send + Sync;
    /// What there is to do, as `decide` found it; its default is nothing.
    type Steps: Send + Sync;
    /// Several units may be one node, told apart by [`Resource::place`].
    const PLACED: bool = false;

    /// The thing's name within its stack, from the arguments: `web`, `10.0.0.0/24`. Values that are not known are left
    /// out.
    fn key(&self, args: &Args) -> String;

    /// Where the thing is, as far as its task says it: what tells things of one node apart.
    fn place(&self, _args: &Args) -> Place {
        Place::default()
    }

    /// Whether the arguments name no thing, so that each item of a loop means one of its own.
    fn nameless(&self, _args: &Args) -> bool {
        false
    }

    /// By default from module.yml. Claims order tasks of a stack; names of things are their resources.
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        claims(spec, args)
    }

    /// Reads the thing and what it is compared with; changes nothing, in no mode.
    ///
    /// # Errors
    /// What is named by id is not there, several things fit, or the service refused to tell.
    fn observe<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Self::Seen>;

    /// Compares, without a call. Arguments and attributes may be unknown on a plan.
    ///
    /// # Errors
    /// What is wanted cannot be had of what is there: an attribute that cannot change.
    fn decide(&self, cx: &Cx<'_>, seen: &Self::Seen) -> Result<Verdict<Self::Steps>, Failure>;

    /// Makes the change and gives the return values. Not called in check mode, nor where nothing is to be
    /// done.
    ///
    /// # Errors
    /// The service refused a step; the steps before it stay made and carry the task's tags.
    fn apply<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        seen: &'a Self::Seen,
        steps: &'a Self::Steps,
    ) -> CloudFuture<'a, Map>;

    /// Whether nothing is to be changed, but what is there is on its way and waited for.
    fn waits(&self, _steps: &Self::Steps) -> bool {
        false
    }

    /// Devices that these steps replace: what is with them goes to their successors.
    fn replaces(&self, _steps: &Self::Steps) -> Vec<String> {
        Vec::new()
    }

    /// What of the seen belongs to the task, for `destroy`; with their tags.
    fn things(&self, seen: &Self::Seen) -> Vec<(Thing, Tags)>;
}

/// A module that only reads.
pub trait Query: Send + Sync + 'static {
    /// By default from module.yml, as of [`Resource`].
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        claims(spec, args)
    }

    /// Reads, in a plan as in a run; arguments that are not known yet make the results unknown.
    ///
    /// # Errors
    /// The service refused to tell.
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, Map>;
}

/// A module of either kind, as the executor sees it.
pub trait CloudModule: Send + Sync {
    /// The thing's name within its stack; with the module's name it is the node that tags tell.
    fn key(&self, args: &Args) -> String;
    /// As of [`Resource::place`].
    fn place(&self, args: &Args) -> Place;
    /// As of [`Resource::PLACED`].
    fn is_placed(&self) -> bool;
    /// As of [`Resource::nameless`].
    fn nameless(&self, args: &Args) -> bool;
    /// What the task reads and writes, from its arguments alone.
    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims;
    /// One task from look to result. In check mode nothing is changed.
    ///
    /// # Errors
    /// As of [`Resource::observe`], [`Resource::decide`] and [`Resource::apply`].
    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, CloudOutcome>;
}

/// What came of one unit.
#[derive(Debug, Default)]
pub struct CloudOutcome {
    /// What was done, or in check mode would be; `None`: nothing.
    pub change: Option<Change>,
    /// The return values.
    pub result: Map,
    /// Shown whether there was a change or not.
    pub warnings: Vec<String>,
    /// In check mode: what there is of the task's own.
    pub things: Vec<(Thing, Tags)>,
}

struct Stateful<R>(R);

struct Reading<Q>(Q);

/// The module as the registry takes it: the executor looks, decides and, outside check mode, applies.
pub fn resource(module: impl Resource) -> Arc<dyn CloudModule> {
    Arc::new(Stateful(module))
}

/// A module that never changes anything, as the registry takes it.
pub fn query(module: impl Query) -> Arc<dyn CloudModule> {
    Arc::new(Reading(module))
}

impl<R: Resource> CloudModule for Stateful<R> {
    fn key(&self, args: &Args) -> String {
        self.0.key(args)
    }

    fn place(&self, args: &Args) -> Place {
        self.0.place(args)
    }

    fn is_placed(&self) -> bool {
        R::PLACED
    }

    fn nameless(&self, args: &Args) -> bool {
        self.0.nameless(args)
    }

    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        self.0.claims(spec, args)
    }

    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, CloudOutcome> {
        Box::pin(async move {
            let seen = self.0.observe(cx).await?;
            let Verdict { change, steps, result, warnings } = self.0.decide(cx, &seen)?;
            if cx.check {
                self.0.replaces(&steps).iter().for_each(|old| cx.account.note_replaced(old, None));
                return Ok(CloudOutcome { change, result, warnings, things: self.0.things(&seen) });
            }
            let result = match &change {
                None if self.0.waits(&steps) => self.0.apply(cx, &seen, &steps).await?,
                None => result,
                Some(change) => {
                    (cx.begins)(change)?;
                    self.0.apply(cx, &seen, &steps).await?
                }
            };
            Ok(CloudOutcome { change, result, warnings, things: Vec::new() })
        })
    }
}

impl<Q: Query> CloudModule for Reading<Q> {
    fn key(&self, _args: &Args) -> String {
        String::new()
    }

    fn place(&self, _args: &Args) -> Place {
        Place::default()
    }

    fn is_placed(&self) -> bool {
        false
    }

    fn nameless(&self, _args: &Args) -> bool {
        false
    }

    fn claims(&self, spec: &ModuleSpec, args: &Args) -> Claims {
        Claims { writes: Vec::new(), ..self.0.claims(spec, args) }
    }

    fn run<'a>(&'a self, cx: &'a Cx<'a>) -> CloudFuture<'a, CloudOutcome> {
        Box::pin(async move { Ok(CloudOutcome { result: self.0.run(cx).await?, ..CloudOutcome::default() }) })
    }
}

/// The one thing that was seen, for [`Resource::things`].
pub fn thing<K: Kind>(seen: &Option<Arc<K::Item>>) -> Vec<(Thing, Tags)> {
    let one = |item: &Arc<K::Item>| (Thing { kind: K::NAME, id: K::id(item).to_string() }, K::tags(item));
    seen.iter().map(one).collect()
}

/// The item with its tags as they are after a change.
pub fn with_tags<T: Clone>(
    item: &T,
    is: Tags,
    change: &TagChange,
    set: impl Fn(&mut T, Vec<crate::cloud::ec2::types::Tag>),
) -> T {
    let mut item = item.clone();
    if !change.is_empty() {
        set(&mut item, crate::cloud::identity::to_sdk(&change.applied(&is)));
    }
    item
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let mut failure = Failure::new(error.to_string());
        if !error.code.is_empty() {
            let code = Value::from(error.code.as_str());
            let text = Value::from(error.message.as_str());
            let inner: Value = [("code", code), ("message", text)].into_iter().collect();
            failure.result.insert("error".into(), inner);
        }
        failure
    }
}
