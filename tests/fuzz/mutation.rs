//! New inputs out of kept ones: cut, mixed, repeated, with other bytes in them; and some out of nothing.

use std::ops::Range;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Beyond this an input grows no further. It is more than the longest that a target takes apart.
const LONGEST: usize = 64 * 1024;

/// One change to an input. Places are relative, so that a change means something for inputs of any length.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    CutBehind(Index),
    Repeat {
        from: Index,
        length: usize,
        times: usize,
    },
    /// Part of another input takes the place of one's own.
    Mix {
        at: Index,
        other: Arc<Vec<u8>>,
        from: Index,
        length: usize,
        instead: usize,
    },
}

impl Edit {
    fn apply(self, input: &mut Vec<u8>) {
        match self {
            Self::Replace(at, byte) if !input.is_empty() => {
                let at = at.index(input.len());
                input[at] = byte;
            }
            Self::Replace(..) => {}
            Self::Insert(at, bytes) => {
                let at = at.index(input.len() + 1);
                input.splice(at..at, bytes);
            }
            Self::Remove(from, length) => {
                let range = range(input, from, length);
                input.drain(range);
            }
            Self::CutBehind(at) => input.truncate(at.index(input.len() + 1)),
            Self::Repeat { from, length, times } => {
                let range = range(input, from, length);
                let copies = input[range.clone()].repeat(times);
                input.splice(range, copies);
            }
            Self::Mix { at, other, from, length, instead } => {
                let taken = other[range(&other, from, length)].to_vec();
                let place = range(input, at, instead);
                input.splice(place, taken);
            }
        }
        input.truncate(LONGEST);
    }
}

fn range(input: &[u8], from: Index, length: usize) -> Range<usize> {
    let from = from.index(input.len() + 1);
    from..input.len().min(from + length)
}

fn edit(corpus: Vec<Arc<Vec<u8>>>) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    // What has a meaning to some parser, more often than the rest.
    let byte =
        || prop_oneof![2 => any::<u8>(), 3 => select(&b"\0\"\\{}[]:,.&=%+-_/?#$ 09azAZ\x7f\x80\xff"[..])];
    prop_oneof![
        3 => (at(), byte()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        3 => (at(), vec(byte(), 1..8)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (at(), 1..16_usize).prop_map(|(from, length)| Edit::Remove(from, length)),
        1 => at().prop_map(Edit::CutBehind),
        1 => (at(), 1..32_usize, prop_oneof![9 => 2..8_usize, 1 => 8..4000_usize])
            .prop_map(|(from, length, times)| Edit::Repeat { from, length, times }),
        4 => (at(), select(corpus), at(), 1..64_usize, 0..32_usize)
            .prop_map(|(at, other, from, length, instead)| Edit::Mix { at, other, from, length, instead }),
    ]
}

/// Inputs like those of a corpus.
pub(crate) fn inputs(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let corpus: Vec<_> = corpus.into_iter().map(Arc::new).collect();
    let mutated = (select(corpus.clone()), vec(edit(corpus), 0..6)).prop_map(|(start, edits)| {
        let mut input = start.to_vec();
        edits.into_iter().for_each(|edit| edit.apply(&mut input));
        input
    });
    prop_oneof![9 => mutated, 1 => vec(any::<u8>(), 0..256)]
}
