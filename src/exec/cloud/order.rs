//! Which of the tasks that could run together wait for which; pure.

use crate::plan::Claims;
use std::collections::HashSet;
use std::sync::Arc;

/// A task as its order sees it.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Names that it reads; `None`: any.
    pub uses: Option<HashSet<Arc<str>>>,
    /// Names that it sets.
    pub defines: HashSet<Arc<str>>,
    pub claims: Claims,
    /// All before it come before it, and all behind it after it.
    pub barrier: bool,
}

/// For each task the earlier ones that it waits for: what sets a name it reads, what reads or sets a name it sets,
/// and what touches the same things.
pub fn waits(items: &[Item]) -> Vec<Vec<usize>> {
    let before = |at: usize| (0..at).filter(|b| ordered(&items[*b], &items[at])).collect();
    (0..items.len()).map(before).collect()
}

fn ordered(first: &Item, second: &Item) -> bool {
    let reads = |item: &Item, names: &HashSet<Arc<str>>| match &item.uses {
        None => !names.is_empty(),
        Some(uses) => !uses.is_disjoint(names),
    };
    first.barrier
        || second.barrier
        || reads(second, &first.defines)
        || reads(first, &second.defines)
        || !first.defines.is_disjoint(&second.defines)
        || first.claims.disturbs(&second.claims)
        || second.claims.disturbs(&first.claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(uses: &[&str], defines: &[&str], reads: &[&str], writes: &[&str]) -> Item {
        let names = |of: &[&str]| of.iter().map(|n| Arc::from(*n)).collect();
        let texts = |of: &[&str]| of.iter().map(|n| n.to_string()).collect();
        let claims = Claims { reads: texts(reads), writes: texts(writes) };
        Item { uses: Some(names(uses)), defines: names(defines), claims, barrier: false }
    }

    #[test]
    fn data_and_claims_make_the_order_and_nothing_else() {
        let vpc = item(&[], &["vpc"], &[], &["ec2_vpc:a"]);
        let key = item(&[], &["key"], &[], &["ec2_key:k"]);
        let subnet = item(&["vpc"], &["subnet"], &[], &["ec2_subnet:s"]);
        let instance = item(&["subnet"], &[], &["ec2_key:k"], &["ec2_instance:i"]);
        let overwrites = item(&[], &["vpc"], &[], &["ec2_vpc:b"]);
        let found = waits(&[vpc, key, subnet, instance, overwrites]);
        assert_eq!(found, [vec![], vec![], vec![0], vec![1, 2], vec![0, 2]]);
    }

    #[test]
    fn what_reads_any_name_waits_for_all_that_set_one() {
        let any = Item { uses: None, ..Item::default() };
        let quiet = item(&[], &[], &[], &["x:a"]);
        let sets = item(&[], &["r"], &[], &["x:b"]);
        assert_eq!(waits(&[quiet.clone(), sets.clone(), any.clone()])[2], [1]);
        let barrier = Item { barrier: true, ..quiet.clone() };
        assert_eq!(waits(&[quiet, barrier, sets]), [vec![], vec![0], vec![1]]);
    }
}
