//! What tells the things of one node apart: the subnets of instances that share a name.
//!
//! Tags say which node a thing is, and several units of a run may be one node. Each says *where* its thing is
//! ([`Place`]); a thing that is elsewhere is another unit's if that one means it, and only else what this unit is to
//! replace. What cannot be told is an error, since the wrong guess ends a machine that somebody uses.

use crate::base::Value;
use crate::modules::has_unknown;
use crate::spec::to_text;

/// Where the thing of a unit is, as far as its task says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Attribute and the values that it may have; `None`: not known yet.
    rows: Vec<(&'static str, Option<Vec<String>>)>,
    /// How many things the unit wants there.
    pub count: usize,
}

/// A unit of the run that means a thing of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Which unit it is, by which a place that was not known is replaced when it is.
    pub from: String,
    /// Its task: units of one loop are known together.
    pub task: String,
    /// Where its thing is.
    pub place: Place,
    /// Its turn comes in another part of the walk; what is not known of it now does not become known before this unit's.
    pub beyond: bool,
}

/// The units of a node, in the order of the run, and which of them is asking.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Each place once, and each that is not known.
    pub wants: Vec<Want>,
    /// The place of the one that asks.
    pub own: Place,
    /// Its [`Want::from`].
    pub from: String,
    /// Its [`Want::task`].
    pub task: String,
}

/// Why a unit's things cannot be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Unclear {
    /// More are left than units that have none: the first two of them.
    Several(usize, usize),
    /// A later unit of this node may mean the thing.
    Later(usize),
}

impl Place {
    /// Of arguments; those that are null or absent say nothing.
    pub fn new(rows: Vec<(&'static str, Option<Value>)>) -> Place {
        let row = |(name, value): (&'static str, Option<Value>)| {
            let value = value.filter(|v| !v.is_null())?;
            let values = match &value {
                open if has_unknown(open) => None,
                Value::List(list) if list.is_empty() => return None,
                Value::List(list) => Some(list.iter().map(to_text).collect()),
                one => Some(vec![to_text(one)]),
            };
            Some((name, values))
        };
        Place { rows: rows.into_iter().filter_map(row).collect(), count: 1 }
    }

    /// The task says where.
    pub fn says(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Something of it is not known yet.
    pub fn is_open(&self) -> bool {
        self.rows.iter().any(|(_, values)| values.is_none())
    }

    /// Whether the thing with these attributes is there for certain.
    pub fn holds(&self, is: &dyn Fn(&str) -> Vec<String>) -> bool {
        let row = |(name, values): &(&'static str, Option<Vec<String>>)| {
            values.as_ref().is_some_and(|wanted| is(name).iter().any(|is| wanted.contains(is)))
        };
        self.rows.iter().all(row)
    }
}

impl Place {
    /// Whether the thing is nowhere else.
    pub fn may_hold(&self, is: &dyn Fn(&str) -> Vec<String>) -> bool {
        let row = |(name, values): &(&'static str, Option<Vec<String>>)| {
            let is = is(name);
            is.is_empty() || values.as_ref().is_some_and(|wanted| is.iter().any(|is| wanted.contains(is)))
        };
        self.rows.iter().all(row)
    }
}

impl Group {
    /// Which of the node's `things` are this unit's. `is`: the values that one of them has of an attribute.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn own(
        &self,
        things: usize,
        is: impl Fn(usize, &str) -> Vec<String>,
        check: bool,
    ) -> Result<Vec<usize>, Unclear> {
        let there = |place: &Place| -> Vec<usize> {
            (0..things).filter(|at| place.holds(&|name| is(*at, name))).collect()
        };
        let all = || (0..things).collect();
        if !self.own.says() {
            return Ok(all());
        }
        let mut mine = there(&self.own);
        let others = self.wants.iter().filter(|w| !self.is_own(w)).count();
        let enough = mine.len() >= self.own.count;
        if enough || others == 0 && mine.is_empty() {
            return Ok(if enough { mine } else { all() });
        }
        let taken: Vec<usize> = self.wants.iter().flat_map(|w| there(&w.place)).collect();
        let free: Vec<usize> = (0..things).filter(|at| !taken.contains(at) && !mine.contains(at)).collect();
        // Who lacks something takes of what is left, in the order of the run.
        let lack = |place: &Place| place.count.saturating_sub(there(place).len());
        let before = self.wants.iter().take_while(|w| !self.is_own(w)).map(|w| lack(&w.place)).sum::<usize>();
        let lacking = self.wants.iter().map(|w| lack(&w.place)).sum::<usize>().max(lack(&self.own));
        if let [one, two, ..] = free[..]
            && free.len() > lacking
            && others > 0
        {
            return Err(Unclear::Several(one, two));
        }
        let later = |w: &Want| w.task != self.task && w.place.is_open() && (w.beyond || !check);
        if let (Some(one), true) = (free.first(), self.wants.iter().any(later)) {
            return Err(Unclear::Later(*one));
        }
        let share = if others == 0 { free.len() } else { lack(&self.own) };
        mine.extend(free.into_iter().skip(before).take(share));
        Ok(mine)
    }

    fn is_own(&self, want: &Want) -> bool {
        match self.own.is_open() {
            true => want.from == self.from,
            false => want.place == self.own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(at: &str) -> Place {
        let value = if at == "?" { Value::Unknown("x".into()) } else { at.into() };
        Place::new(vec![("subnet", Some(value))])
    }

    fn group(own: usize, wants: &[&str]) -> Group {
        let want = |(at, place): (usize, &&str)| Want {
            from: at.to_string(),
            task: "t".into(),
            place: self::place(place),
            beyond: false,
        };
        let wants: Vec<Want> = wants.iter().enumerate().map(want).collect();
        Group { own: wants[own].place.clone(), from: own.to_string(), task: "t".into(), wants }
    }

    /// What each unit gets of things that are in these places.
    fn shares(wants: &[&str], things: &[&str]) -> Vec<Result<Vec<usize>, Unclear>> {
        let is = |at: usize, _: &str| vec![things[at].to_string()];
        (0..wants.len()).map(|own| group(own, wants).own(things.len(), is, true)).collect()
    }

    #[test]
    fn a_thing_elsewhere_is_replaced_only_where_nobody_else_means_it() {
        let cases: [(&[&str], &[&str], &[&[usize]]); 10] = [
            (&["a"], &[], &[&[]]),
            (&["a"], &["b"], &[&[0]]),
            (&["a"], &["a", "b"], &[&[0]]),
            (&["a", "b"], &["b"], &[&[], &[0]]),
            (&["a", "b"], &["b", "a"], &[&[1], &[0]]),
            (&["c", "a"], &["a", "b"], &[&[1], &[0]]),
            (&["c", "d"], &["a", "b"], &[&[0], &[1]]),
            (&["c", "d", "e"], &["a", "b"], &[&[0], &[1], &[]]),
            (&["?", "?"], &["a", "b"], &[&[0], &[1]]),
            (&["?", "b"], &["a", "b"], &[&[0], &[1]]),
        ];
        for (wants, things, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|e| Ok(e.to_vec())).collect();
            assert_eq!(shares(wants, things), expected, "{wants:?} {things:?}");
        }
    }

    #[test]
    fn more_than_can_be_meant_are_an_error() {
        let found = shares(&["a", "d"], &["a", "b", "c"]);
        assert_eq!(found, [Ok(vec![0]), Err(Unclear::Several(1, 2))]);
    }

    #[test]
    fn what_a_later_task_may_mean_is_left_alone() {
        let mut group = group(0, &["b", "?"]);
        group.wants[1].task = "other".into();
        let is = |_: usize, _: &str| vec!["a".to_string()];
        assert_eq!(group.own(1, is, true), Ok(vec![0]));
        assert_eq!(group.own(1, is, false), Err(Unclear::Later(0)));
        group.wants[1].beyond = true;
        assert_eq!(group.own(1, is, true), Err(Unclear::Later(0)));
    }

    #[test]
    fn a_number_is_filled_up_with_what_is_elsewhere() {
        let mut one = group(0, &["a"]);
        one.own.count = 2;
        one.wants[0].place.count = 2;
        let is = |at: usize, _: &str| vec![["a", "b", "b"][at].to_string()];
        assert_eq!(one.own(3, is, true), Ok(vec![0, 1, 2]));
        assert_eq!(one.own(2, is, true), Ok(vec![0, 1]));
    }
}
