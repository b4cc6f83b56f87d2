//! Python's `random.Random` for whole numbers: seeded choices come out as they do under Ansible.

use sha2::{Digest, Sha512};

const N: usize = 624;
const M: usize = 397;

/// The Mersenne Twister (MT19937), seeded as Python seeds it.
pub(crate) struct Random {
    state: [u32; N],
    at: usize,
}

impl Random {
    /// `Random(n)`.
    pub fn of_int(n: u64) -> Self {
        let (low, high) = (n as u32, (n >> 32) as u32);
        if high == 0 { Self::of_words(&[low]) } else { Self::of_words(&[low, high]) }
    }

    /// `Random('text')`: the text followed by its SHA-512, as one large number.
    pub fn of_text(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend(Sha512::digest(text.as_bytes()));
        let words: Vec<u32> = bytes
            .rchunks(4)
            .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
            .collect();
        let used = words.iter().rposition(|w| *w != 0).map_or(1, |last| last + 1);
        Self::of_words(&words[..used])
    }

    fn of_words(key: &[u32]) -> Self {
        let mut s = [0u32; N];
        s[0] = 19_650_218;
        for i in 1..N {
            s[i] = 1_812_433_253u32.wrapping_mul(s[i - 1] ^ (s[i - 1] >> 30)).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let mixed = (s[i - 1] ^ (s[i - 1] >> 30)).wrapping_mul(1_664_525);
            s[i] = (s[i] ^ mixed).wrapping_add(key[j]).wrapping_add(j as u32);
            (i, j) = (i + 1, (j + 1) % key.len());
            if i >= N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            let mixed = (s[i - 1] ^ (s[i - 1] >> 30)).wrapping_mul(1_566_083_941);
            s[i] = (s[i] ^ mixed).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        s[0] = 0x8000_0000;
        Random { state: s, at: N }
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ twist;
        }
        self.at = 0;
    }

    fn word(&mut self) -> u32 {
        if self.at >= N {
            self.refill();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn bits(&mut self, count: u32) -> u64 {
        match count {
            0 => 0,
            1..=32 => u64::from(self.word() >> (32 - count)),
            _ => {
                let low = u64::from(self.word());
                low | u64::from(self.word() >> (64 - count)) << 32
            }
        }
    }

    /// A whole number from 0 to below `n` (`_randbelow`).
    pub fn below(&mut self, n: u64) -> u64 {
        let count = 64 - n.leading_zeros();
        loop {
            let r = self.bits(count);
            if r < n {
                return r;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_give_what_python_gives() {
        // [random.Random(42).randrange(100) …], [random.Random('web1').randrange(60) …]
        let mut by_int = Random::of_int(42);
        assert_eq!([by_int.below(100), by_int.below(100), by_int.below(100)], PYTHON_INT);
        let mut by_text = Random::of_text("web1");
        assert_eq!([by_text.below(60), by_text.below(60), by_text.below(60)], PYTHON_TEXT);
    }

    const PYTHON_INT: [u64; 3] = [81, 14, 3];
    const PYTHON_TEXT: [u64; 3] = [52, 20, 16];
}
