//! Managers over zones: which zone's loss ends the quorum, and how they would lie best.

use super::quorum::needed;
use std::collections::BTreeMap;

/// Managers a zone: name → number.
pub type Spread = BTreeMap<String, usize>;

/// A zone whose loss leaves too few managers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// The value of the label.
    pub zone: String,
    /// Managers in it.
    pub lost: usize,
    /// Managers elsewhere.
    pub left: usize,
    /// Managers that must agree.
    pub needed: usize,
}

/// The best spread of `managers` over `zones` zones, largest first: no zone has more than one above another.
pub fn best(managers: usize, zones: usize) -> Vec<usize> {
    (0..zones).map(|i| managers / zones + usize::from(i < managers % zones)).collect()
}

/// The zones whose loss ends the quorum. One zone for all is no spread that could be judged.
pub fn fatal(spread: &Spread) -> Vec<Fatal> {
    let known: usize = spread.values().sum();
    let fatal = |(zone, lost): (&String, &usize)| {
        let (left, needed) = (known - lost, needed(known));
        (left < needed).then(|| Fatal { zone: zone.clone(), lost: *lost, left, needed })
    };
    if spread.len() < 2 {
        Vec::new()
    } else {
        spread.iter().filter(|(_, n)| **n > 0).filter_map(fatal).collect()
    }
}

/// What is wrong with a spread, with the numbers.
pub fn warnings(spread: &Spread) -> Vec<String> {
    let known: usize = spread.values().sum();
    if known < 2 || spread.is_empty() {
        return Vec::new();
    }
    let numbers = |list: &[usize]| list.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
    if let (1, Some((zone, _))) = (spread.len(), spread.first_key_value()) {
        return vec![format!(
            "all {known} managers are in zone {zone}: its loss ends the quorum; over three zones they lie {}",
            numbers(&best(known, 3))
        )];
    }
    let advice = if spread.len() < 3 {
        format!(
            "with {} zones one is always too many; over three they lie {}",
            spread.len(),
            numbers(&best(known, 3))
        )
    } else {
        format!("best is {}", numbers(&best(known, spread.len())))
    };
    fatal(spread)
        .into_iter()
        .map(|f| {
            format!(
                "the loss of zone {} ends the quorum: {} of {known} managers are there, {} are left, {} are needed; {advice}",
                f.zone, f.lost, f.left, f.needed
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(numbers: &[usize]) -> Spread {
        numbers.iter().enumerate().map(|(i, n)| (format!("z{}", i + 1), *n)).collect()
    }

    #[test]
    fn the_best_spread() {
        for (managers, zones, expected) in [
            (7, 3, vec![3, 2, 2]),
            (5, 3, vec![2, 2, 1]),
            (3, 3, vec![1, 1, 1]),
            (9, 3, vec![3, 3, 3]),
            (1, 3, vec![1, 0, 0]),
            (5, 2, vec![3, 2]),
        ] {
            assert_eq!(best(managers, zones), expected, "{managers} over {zones}");
            let fine = zones >= 3 && managers >= 3;
            assert_eq!(fatal(&spread(&expected)).is_empty(), fine, "{expected:?}");
        }
    }

    #[test]
    fn zones_whose_loss_ends_the_quorum() {
        for (numbers, zones) in [
            (vec![3, 2, 2], vec![]),
            (vec![2, 2, 1], vec![]),
            (vec![3, 1, 1], vec!["z1"]),
            (vec![4, 2, 1], vec!["z1"]),
            (vec![2, 1], vec!["z1"]),
            (vec![1, 1], vec!["z1", "z2"]), // 2 of 2 are needed
            (vec![2, 2], vec!["z1", "z2"]),
            (vec![3, 3, 0], vec!["z1", "z2"]),
        ] {
            let found: Vec<String> = fatal(&spread(&numbers)).into_iter().map(|f| f.zone).collect();
            assert_eq!(found, zones, "{numbers:?}");
        }
    }

    #[test]
    fn warnings_have_the_numbers() {
        assert_eq!(
            warnings(&spread(&[3, 1, 1])),
            [
                "the loss of zone z1 ends the quorum: 3 of 5 managers are there, 2 are left, 3 are needed; best is 2-2-1"
            ]
        );
        assert_eq!(
            warnings(&spread(&[3])),
            ["all 3 managers are in zone z1: its loss ends the quorum; over three zones they lie 1-1-1"]
        );
        assert!(
            warnings(&spread(&[2, 1]))[0]
                .ends_with("with 2 zones one is always too many; over three they lie 1-1-1")
        );
        assert!(warnings(&spread(&[1])).is_empty() && warnings(&Spread::new()).is_empty());
    }
}
