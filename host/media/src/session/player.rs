//! What a session plays.

use crate::codec::{FRAME_SAMPLES, Frame};
use crate::event::{MediaEvent, PlayOutcome, PlaySource, SessionId};

#[derive(Debug)]
pub(crate) struct Player {
    play: u64,
    source: PlaySource,
    clip: usize,
    position: usize,
    played: u64,
}

impl Player {
    pub(crate) fn new(play: u64, source: PlaySource) -> Self {
        Self { play, source, clip: 0, position: 0, played: 0 }
    }

    /// The next 20 ms, filled up with silence. True once there is nothing left.
    pub(crate) fn fill(&mut self, out: &mut Frame) -> bool {
        let mut places = out.iter_mut();
        let mut left = FRAME_SAMPLES;
        let mut empty_clips = 0;
        while left > 0 {
            let Some(clip) = self.source.clips.get(self.clip) else {
                // A round without a sample would go on for ever.
                if !self.source.repeat || empty_clips >= self.source.clips.len() {
                    break;
                }
                self.clip = 0;
                continue;
            };
            let rest = clip.samples().get(self.position..).unwrap_or_default();
            if rest.is_empty() {
                empty_clips += 1;
                (self.clip, self.position) = (self.clip + 1, 0);
                continue;
            }
            let taken = rest.len().min(left);
            places.by_ref().zip(rest.iter().take(taken)).for_each(|(place, sample)| *place = *sample);
            (self.position, left, self.played) = (self.position + taken, left - taken, self.played + taken as u64);
            empty_clips = 0;
        }
        places.for_each(|place| *place = 0);
        let rest_of_clip = self.source.clips.get(self.clip).is_some_and(|clip| self.position < clip.samples().len());
        let more = self.source.clips.iter().skip(self.clip + 1).any(|clip| !clip.samples().is_empty());
        !(rest_of_clip || more || (self.source.repeat && self.played > 0))
    }

    pub(crate) fn finished(&self, session: SessionId, outcome: PlayOutcome) -> MediaEvent {
        MediaEvent::PlayFinished { session, play: self.play, outcome, played_ms: self.played / 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::Player;
    use crate::Clip;
    use crate::codec::SILENCE;
    use crate::event::PlaySource;
    use std::sync::Arc;

    fn frames(lengths: &[usize], repeat: bool) -> (usize, u64) {
        let clips = lengths.iter().map(|length| Arc::new(Clip::from_samples(vec![5; *length]))).collect();
        let mut player = Player::new(1, PlaySource { clips, repeat });
        let mut frame = SILENCE;
        let mut count = 1;
        while count < 100 && !player.fill(&mut frame) {
            count += 1;
        }
        (count, player.played)
    }

    #[test]
    fn clips_follow_each_other_without_a_gap_and_end_with_their_last_sample() {
        let table = [
            (&[][..], (1, 0)),
            (&[160], (1, 160)),
            (&[161], (2, 161)),
            (&[80, 80, 0], (1, 160)),
            (&[0, 100, 0, 60, 1], (2, 161)),
        ];
        for (lengths, expected) in table {
            assert_eq!(frames(lengths, false), expected, "{lengths:?}");
        }
    }

    #[test]
    fn what_repeats_goes_on_unless_it_is_empty() {
        assert_eq!(frames(&[100, 7], true), (100, 99 * 160));
        assert_eq!(frames(&[0, 0], true).1, 0);
        assert_eq!(frames(&[], true), (1, 0));
    }
}
