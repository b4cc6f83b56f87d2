//! What a region has of one kind: read once a run, shared by all tasks, and kept true by one's own writes.

use super::calls::CallFuture;
use super::ec2::Ec2;
use super::error::CallError;
use super::identity::{OP, Tags};
use super::retry::Manner;
use super::session::Account;
use aws_sdk_ec2::types::Filter;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, watch};

/// One kind of thing.
pub trait Kind: Send + Sync + 'static {
    /// What the service describes it with, as the SDK has it.
    type Item: Clone + Send + Sync + 'static;
    /// In messages: `subnet`.
    const NAME: &'static str;
    /// The filter that selects by id. Filters, unlike lists of ids, are not refused where one is unknown.
    const ID_FILTER: &'static str;
    /// The id that [`Kind::ID_FILTER`] selects by; empty where the service gave none.
    fn id(item: &Self::Item) -> &str;
    /// All tags of the thing, the tool's own among them.
    fn tags(item: &Self::Item) -> Tags;
    /// All that pass, every page.
    fn load(ec2: &dyn Ec2, filters: Vec<Filter>) -> CallFuture<'_, Vec<Self::Item>>;
    /// Begins the removal.
    fn delete<'a>(ec2: &'a dyn Ec2, id: &'a str) -> CallFuture<'a, ()>;
    /// Lets go of what keeps the thing from being removed.
    fn release<'a>(_account: &'a Account, _item: &'a Self::Item) -> CallFuture<'a, ()> {
        Box::pin(async { Ok(()) })
    }
    /// The removal takes its time; the thing stays listed until it is gone.
    const LINGERS: bool = false;
    /// Still listed, but no more than a memory (`terminated`).
    fn is_gone(_item: &Self::Item) -> bool {
        false
    }
}

/// A service gets at most so many values in one filter.
const FILTER_VALUES: usize = 200;
/// How long an operation's result may stay invisible to reads.
const PATIENCE: Duration = Duration::from_secs(5);

/// All things of one kind in a region. Tasks that run at the same time share it; their reads are put together
/// in one call.
pub struct Table<K: Kind> {
    all: OnceCell<HashMap<String, Arc<K::Item>>>,
    /// Own writes and later looks, over what was read at first; `None`: gone.
    own: Mutex<BTreeMap<String, Option<Arc<K::Item>>>>,
    /// Who waits for what since when.
    waiting: Mutex<Vec<(String, Instant)>>,
    /// Held by the one waiter that looks for all.
    looking: tokio::sync::Mutex<()>,
    rounds: watch::Sender<u64>,
}

impl<K: Kind> Default for Table<K> {
    fn default() -> Self {
        Table {
            all: OnceCell::new(),
            own: Mutex::default(),
            waiting: Mutex::default(),
            looking: tokio::sync::Mutex::new(()),
            rounds: watch::channel(0).0,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl<K: Kind> Table<K> {
    /// Everything of the kind, sorted by id. The first caller reads it; the others wait for that one call.
    pub async fn all(&self, ec2: &dyn Ec2) -> Result<Vec<Arc<K::Item>>, CallError> {
        let load = || async {
            let items = K::load(ec2, Vec::new()).await?;
            Ok(items.into_iter().map(|i| (K::id(&i).to_string(), Arc::new(i))).collect())
        };
        let read: &HashMap<String, Arc<K::Item>> = self.all.get_or_try_init(load).await?;
        let own = locked(&self.own);
        let read = read.iter().filter(|(id, _)| !own.contains_key(*id)).map(|(_, i)| i);
        let mut items: Vec<_> = read.chain(own.values().flatten()).map(Arc::clone).collect();
        items.retain(|i| !K::is_gone(i));
        items.sort_by(|a, b| K::id(a).cmp(K::id(b)));
        Ok(items)
    }

    /// One thing by its id, without a call where it is known.
    pub async fn get(&self, ec2: &dyn Ec2, id: &str) -> Result<Option<Arc<K::Item>>, CallError> {
        if let Some(known) = locked(&self.own).get(id) {
            return Ok(known.clone());
        }
        Ok(self.all(ec2).await?.into_iter().find(|i| K::id(i) == id))
    }

    /// As `get`, with patience: another may have made it a moment ago.
    pub async fn get_soon(
        &self,
        ec2: &dyn Ec2,
        manner: &Manner,
        id: &str,
    ) -> Result<Option<Arc<K::Item>>, CallError> {
        let (began, mut pause) = (Instant::now(), Duration::from_millis(200));
        loop {
            let found = self.get(ec2, id).await?;
            if found.is_some() || began.elapsed() > PATIENCE {
                return Ok(found);
            }
            manner.pause(K::NAME, pause).await?;
            pause = (pause * 2).min(Duration::from_secs(1));
            self.refresh(ec2, &[id.to_string()]).await?;
        }
    }

    /// What is inside a parent. In one that this run made is only what this run put there, so no call is needed.
    pub async fn within(
        &self,
        account: &Account,
        parent: &str,
        is_in: impl Fn(&K::Item) -> bool,
    ) -> Result<Vec<Arc<K::Item>>, CallError> {
        let mut items = match account.manner.is_made(parent) {
            true => locked(&self.own).values().flatten().map(Arc::clone).collect(),
            false => self.all(&*account.ec2).await?,
        };
        items.retain(|i| is_in(i));
        Ok(items)
    }

    /// Whether a thing of this operation was seen, also one that is gone since.
    pub fn knows(&self, op: &str) -> bool {
        let is_its = |item: &Arc<K::Item>| K::tags(item).get(OP).is_some_and(|is| is == op);
        self.all.get().is_some_and(|all| all.values().any(is_its))
            || locked(&self.own).values().flatten().any(is_its)
    }

    /// Own writes: the thing is like this now.
    pub fn put(&self, item: K::Item) -> Arc<K::Item> {
        let item = Arc::new(item);
        locked(&self.own).insert(K::id(&item).to_string(), Some(Arc::clone(&item)));
        item
    }

    /// Own writes: the thing is gone, whatever an older listing still says.
    pub fn forget(&self, id: &str) {
        locked(&self.own).insert(id.to_string(), None);
    }

    /// Looks at these again.
    pub async fn refresh(&self, ec2: &dyn Ec2, ids: &[String]) -> Result<(), CallError> {
        for ids in ids.chunks(FILTER_VALUES) {
            let filter = Filter::builder().name(K::ID_FILTER).set_values(Some(ids.to_vec())).build();
            let mut seen: HashMap<String, K::Item> = HashMap::new();
            for item in K::load(ec2, vec![filter]).await? {
                seen.insert(K::id(&item).to_string(), item);
            }
            let mut own = locked(&self.own);
            for id in ids {
                own.insert(id.clone(), seen.remove(id).map(Arc::new));
            }
        }
        Ok(())
    }

    /// Things made by one operation, with patience: reads lag behind writes.
    pub async fn made_by(&self, ec2: &dyn Ec2, manner: &Manner, op: &str) -> Result<Vec<K::Item>, CallError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(200);
        loop {
            let filter = Filter::builder().name(format!("tag:{OP}")).values(op).build();
            let mut found = K::load(ec2, vec![filter]).await?;
            found.retain(|i| !K::is_gone(i));
            if !found.is_empty() || began.elapsed() > PATIENCE {
                found.sort_by(|a, b| K::id(a).cmp(K::id(b)));
                return Ok(found);
            }
            manner.pause(K::NAME, pause).await?;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Waits until `ready` finds something in what is seen of the thing (`None`: it is not there). One look serves
    /// all who wait. Looks come often at first, then at 5 % of the time waited.
    pub async fn until<T>(
        &self,
        ec2: &dyn Ec2,
        manner: &Manner,
        id: &str,
        limit: Duration,
        ready: impl Fn(Option<&Arc<K::Item>>) -> Option<T>,
    ) -> Result<T, CallError> {
        let began = Instant::now();
        let known = locked(&self.own).get(id).cloned();
        if let Some(found) = known.and_then(|k| ready(k.as_ref())) {
            return Ok(found);
        }
        let _waiter = Waiter::new(&self.waiting, id, began);
        let call = format!("waiting for {} {id}", K::NAME);
        loop {
            let mut rounds = self.rounds.subscribe();
            tokio::select! {
                _ = self.looking.lock() => self.look(ec2, manner, &call).await?,
                _ = rounds.changed() => {}
            }
            let seen = locked(&self.own).get(id).cloned().flatten();
            if let Some(found) = ready(seen.as_ref()) {
                return Ok(found);
            }
            if manner.stopping() {
                return Err(CallError::given_up(&call, "interrupted"));
            }
            if began.elapsed() > limit {
                let message = format!("not ready after {} s", limit.as_secs());
                return Err(CallError::given_up(&call, message));
            }
        }
    }

    /// One round for all who wait.
    async fn look(&self, ec2: &dyn Ec2, manner: &Manner, call: &str) -> Result<(), CallError> {
        let youngest =
            locked(&self.waiting).iter().map(|(_, since)| since.elapsed()).min().unwrap_or_default();
        manner.pause(call, interval(youngest)).await?;
        let ids: BTreeSet<String> = locked(&self.waiting).iter().map(|(id, _)| id.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        self.refresh(ec2, &ids).await?;
        self.rounds.send_modify(|n| *n += 1);
        Ok(())
    }
}

/// The pause before the next look at what was waited for so long.
pub fn interval(waited: Duration) -> Duration {
    let longest = waited.mul_f64(0.05).clamp(Duration::from_millis(500), Duration::from_secs(5));
    waited.clamp(Duration::from_millis(100), longest)
}

/// In the list while it lives, also when its future is dropped.
struct Waiter<'a> {
    list: &'a Mutex<Vec<(String, Instant)>>,
    id: String,
}

impl<'a> Waiter<'a> {
    fn new(list: &'a Mutex<Vec<(String, Instant)>>, id: &str, since: Instant) -> Waiter<'a> {
        locked(list).push((id.to_string(), since));
        Waiter { list, id: id.to_string() }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut list = locked(self.list);
        if let Some(at) = list.iter().position(|(id, _)| *id == self.id) {
            list.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_never_late_by_more_than_a_tenth() {
        let (mut now, mut looks) = (Duration::ZERO, 0);
        while now < Duration::from_secs(60) {
            let pause = interval(now);
            assert!(pause <= (now.mul_f64(0.1)).max(Duration::from_millis(500)));
            now += pause;
            looks += 1;
        }
        assert!(looks < 75, "{looks} looks in a minute");
    }
}
