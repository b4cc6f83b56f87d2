//! Looking again: an effect makes observations untrue, and each that is made anew at its turn costs a round trip. So
//! what lies behind a stale unit and is stale too is probed in the same trip, unless a unit between is going to touch
//! it once more (claims). That is a guess: a unit between may turn out to have nothing to do. So each unit has one
//! chance to be probed against it, and no more, which keeps the number of probes linear.

use super::flight::Flying;
use super::host::Host;
use super::order::shells;
use super::unit::{Stage, Unit};
use crate::plan::Claims;
use crate::remote::Survey;
use std::collections::VecDeque;

/// How many units behind a stale one are considered at most; bounds the comparisons.
const WINDOW: usize = 64;

impl Host {
    /// Probes a stale unit whose turn it is, and with it what is stale behind it: the items of its task that wait, then
    /// what was read ahead. `flown` are the items before it.
    pub fn look_again(&mut self, unit: &mut Unit, waiting: &mut VecDeque<Unit>, flown: &[(Unit, Flying)]) {
        if !unit.is_stale() {
            return;
        }
        // Whoever waits is told in the same trip what earlier effects have left.
        self.looks.send();
        let mut survey = Survey::default();
        unit.send_probe(&mut survey);
        self.look_behind(unit, waiting, flown, &mut survey);
        survey.send();
    }

    fn look_behind(
        &mut self,
        unit: &Unit,
        waiting: &mut VecDeque<Unit>,
        flown: &[(Unit, Flying)],
        survey: &mut Survey,
    ) {
        let Stage::Ready(ready) = &unit.stage else { return };
        // Only within one shell do probes see the effects that were sent before them.
        let mut in_flight = self.flying.iter().flat_map(|run| run.shells()).chain(shells(flown));
        if ready.delegated || in_flight.any(|shell| *shell != ready.who) {
            return;
        }
        let mut between: Vec<&Claims> = vec![&ready.claims];
        for later in waiting.iter_mut().chain(self.ahead.in_order()).take(WINDOW) {
            let Stage::Ready(next) = &later.stage else { continue };
            if next.delegated || next.who != ready.who {
                continue;
            }
            let touched = between.iter().any(|claims| claims.disturbs(&next.claims));
            if later.is_stale() && !(touched && later.chanced) {
                later.chanced |= touched;
                later.send_probe(survey);
            }
            let later: &Unit = later;
            if let Stage::Ready(next) = &later.stage {
                between.push(&next.claims);
            }
        }
    }
}
