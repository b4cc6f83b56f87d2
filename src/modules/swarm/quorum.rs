//! Arithmetic of consensus: what more than half means, and which steps keep it.
//!
//! Quorum is more than half of the managers *known*, dead ones included: a manager that was replaced and not removed
//! still counts.

/// Managers a swarm knows, and how many of them answer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Managers {
    /// Those in the list of nodes, dead ones included.
    pub known: usize,
    /// Those that the leader can reach, itself included.
    pub reachable: usize,
}

/// How many managers must agree.
pub fn needed(known: usize) -> usize {
    known / 2 + 1
}

impl Managers {
    /// `known` managers, of which `reachable` answer the leader (or would, after a step).
    pub fn new(known: usize, reachable: usize) -> Managers {
        Managers { known, reachable }
    }

    /// Whether more than half of the managers that are known can be reached; without any there is none.
    pub fn has_quorum(self) -> bool {
        self.known > 0 && self.reachable >= needed(self.known)
    }

    /// How many more may be lost before nothing can be changed any more.
    pub fn spare(self) -> usize {
        self.reachable.saturating_sub(needed(self.known))
    }

    /// The managers after one of them was taken out.
    pub fn without(self, reachable: bool) -> Managers {
        Managers {
            known: self.known.saturating_sub(1),
            reachable: self.reachable.saturating_sub(usize::from(reachable)),
        }
    }

    /// Whether one may be taken out of the managers: agreed on before, and a quorum after it.
    pub fn may_remove(self, reachable: bool) -> bool {
        self.has_quorum() && self.without(reachable).has_quorum()
    }

    /// What an even number costs, in words.
    pub fn even(self) -> Option<String> {
        (self.known > 0 && self.known.is_multiple_of(2)).then(|| {
            let (n, less) = (self.known, self.known - 1);
            format!(
                "{n} managers survive the loss of {}, no more than {less} would: quorum is {} of {n}; use {less} or {}",
                n - needed(n),
                needed(n),
                n + 1
            )
        })
    }
}

impl std::fmt::Display for Managers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} managers answer, quorum is {}", self.reachable, self.known, needed(self.known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorum_and_how_many_may_be_lost() {
        for (known, need, tolerated) in
            [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (5, 3, 2), (6, 4, 2), (7, 4, 3), (9, 5, 4)]
        {
            assert_eq!(needed(known), need, "{known}");
            assert_eq!(Managers::new(known, known).spare(), tolerated, "{known}");
        }
        assert!(!Managers::new(0, 0).has_quorum());
        assert!(!Managers::new(4, 2).has_quorum(), "half is not more than half");
    }

    #[test]
    fn a_removal_needs_quorum_before_and_after_it() {
        // (known, reachable, the one to go answers, may it go)
        for (known, reachable, alive, may) in [
            (3, 3, true, true),   // 2 of 2 are left
            (3, 2, false, true),  // the dead one: 2 of 2
            (3, 2, true, false),  // a living one beside a dead one: 1 of 2
            (2, 2, true, true),   // 1 of 1
            (2, 1, false, false), // no quorum to agree on it
            (1, 1, true, false),  // the last
            (4, 3, false, true),
            (4, 3, true, true),  // 2 of 3
            (5, 3, true, false), // 2 of 4
            (5, 3, false, true), // 3 of 4
            (7, 4, true, false),
        ] {
            assert_eq!(Managers::new(known, reachable).may_remove(alive), may, "{known} {reachable} {alive}");
        }
    }

    #[test]
    fn even_numbers_are_told_with_the_numbers() {
        assert_eq!(Managers::new(3, 3).even(), None);
        let said = Managers::new(4, 4).even().unwrap();
        assert_eq!(
            said,
            "4 managers survive the loss of 1, no more than 3 would: quorum is 3 of 4; use 3 or 5"
        );
        assert!(Managers::new(2, 2).even().unwrap().contains("survive the loss of 0"));
    }
}
