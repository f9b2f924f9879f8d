//! Tones: finding one (Goertzel), and making the two of a DTMF digit (ITU-T Q.23).

use std::f32::consts::TAU;

/// Energy of one frequency in `samples`: the squared amplitude of a sine of that frequency would be this.
pub fn goertzel(samples: &[i16], hertz: f32, rate_hz: u32) -> f32 {
    if samples.is_empty() || rate_hz == 0 {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * hertz / rate_hz as f32).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        let next = f32::from(*sample) + coefficient * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - coefficient * last * before;
    4.0 * power / (samples.len() as f32).powi(2)
}

/// The frequency, in hertz, that holds most of the energy, if one holds at least half of it.
///
/// Looks between 100 Hz and 95 % of half the rate, at most at the first two seconds; None for silence, noise
/// and mixtures. The answer is within a few hertz for 100 ms or more.
pub fn dominant_tone(samples: &[i16], rate_hz: u32) -> Option<f32> {
    let samples = samples.get(..samples.len().min(2 * rate_hz as usize))?;
    let mean = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() / samples.len().max(1) as f32;
    // Below 20 of 32768 it is the noise of the codec.
    if mean < 400.0 {
        return None;
    }
    let energy = |hertz: f32| goertzel(samples, hertz, rate_hz);
    let resolution = rate_hz as f32 / samples.len() as f32;
    let highest = rate_hz as f32 * 0.475;
    let coarse = loudest(100.0, highest, resolution / 2.0, energy);
    let fine = loudest(coarse - resolution, coarse + resolution, resolution / 20.0, energy);
    // A sine of amplitude A has the mean square A²/2.
    (energy(fine) >= mean).then_some(fine)
}

fn loudest(from: f32, to: f32, step: f32, energy: impl Fn(f32) -> f32) -> f32 {
    let steps = ((to - from) / step).ceil().max(0.0) as u32;
    let candidates = (0..=steps).map(|index| from + step * index as f32);
    candidates
        .map(|hertz| (hertz, energy(hertz)))
        .fold((from, -1.0), |best, next| if next.1 > best.1 { next } else { best })
        .0
}

/// The low and the high frequency of a digit, in hertz. None for what is no digit.
pub fn digit_frequencies(digit: char) -> Option<(f32, f32)> {
    let (row, column) = match digit {
        '1' => (0, 0),
        '2' => (0, 1),
        '3' => (0, 2),
        'A' => (0, 3),
        '4' => (1, 0),
        '5' => (1, 1),
        '6' => (1, 2),
        'B' => (1, 3),
        '7' => (2, 0),
        '8' => (2, 1),
        '9' => (2, 2),
        'C' => (2, 3),
        '*' => (3, 0),
        '0' => (3, 1),
        '#' => (3, 2),
        'D' => (3, 3),
        _ => return None,
    };
    let low = [697.0, 770.0, 852.0, 941.0].into_iter().nth(row)?;
    let high = [1209.0, 1336.0, 1477.0, 1633.0].into_iter().nth(column)?;
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::{digit_frequencies, dominant_tone, goertzel};
    use crate::Clip;

    #[test]
    fn a_tone_is_found_and_noise_is_not() {
        for hertz in [200.0, 440.0, 697.0, 1000.0, 2500.0, 3400.0] {
            let found = dominant_tone(Clip::tone(hertz, 200, 5_000).samples(), 8_000);
            assert!(found.is_some_and(|found| (found - hertz).abs() < 3.0), "{hertz}: {found:?}");
        }
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..4_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 18) as i16 - 8_192
            })
            .collect();
        assert_eq!(dominant_tone(&noise, 8_000), None);
        assert_eq!(dominant_tone(&[0; 800], 8_000), None);
        assert_eq!(dominant_tone(&[], 8_000), None);
    }

    #[test]
    fn the_energy_of_a_sine_is_its_squared_amplitude() {
        let clip = Clip::tone(1_000.0, 500, 4_000);
        let energy = goertzel(clip.samples(), 1_000.0, 8_000);
        assert!((energy / 16_000_000.0 - 1.0).abs() < 0.01, "{energy}");
    }

    #[test]
    fn sixteen_digits_have_two_tones() {
        assert_eq!("0123456789*#ABCD".chars().filter_map(digit_frequencies).count(), 16);
        assert_eq!(digit_frequencies('x'), None);
    }
}
