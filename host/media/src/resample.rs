//! Resampling when a clip is loaded: a windowed sinc, so that nothing above 4 kHz folds into the voice.

use std::f64::consts::PI;

/// Zero crossings of the sinc on either side.
const CROSSINGS: f64 = 16.0;

/// `samples` at `to_hz`. Rates are positive.
pub(crate) fn resample(samples: Vec<i16>, from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz || from_hz == 0 || to_hz == 0 {
        return samples;
    }
    let length = samples.len() as u64 * u64::from(to_hz) / u64::from(from_hz);
    let phases = to_hz / gcd(from_hz, to_hz);
    let kernels: Vec<Kernel> = (0..phases.min(2_048)).map(|phase| Kernel::new(phase, from_hz, to_hz)).collect();
    let at = |index: u64| {
        let position = index * u64::from(from_hz);
        let (whole, phase) = (position / u64::from(to_hz), (index % u64::from(phases)) as usize);
        match kernels.get(phase) {
            Some(kernel) => kernel.apply(&samples, whole as i64),
            None => samples.get(whole as usize).copied().unwrap_or(0),
        }
    };
    (0..length).map(at).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The filter for one fraction of an input sample.
struct Kernel {
    taps: Vec<f32>,
    before: i64,
}

impl Kernel {
    fn new(phase: u32, from_hz: u32, to_hz: u32) -> Self {
        let fraction = (u64::from(phase) * u64::from(from_hz) % u64::from(to_hz)) as f64 / f64::from(to_hz);
        // Of the input's half rate; a little below the output's, for the filter's slope.
        let cutoff = (f64::from(to_hz) / f64::from(from_hz)).min(1.0) * 0.94;
        let reach = (CROSSINGS / cutoff).ceil();
        let tap = |index: i64| {
            let distance = index as f64 - fraction;
            let x = distance * cutoff;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
            // Hann.
            let window = if distance.abs() < reach { 0.5 + 0.5 * (PI * distance / reach).cos() } else { 0.0 };
            sinc * window
        };
        let taps: Vec<f64> = (-(reach as i64)..=reach as i64 + 1).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        Self { taps: taps.iter().map(|tap| (tap / sum) as f32).collect(), before: reach as i64 }
    }

    fn apply(&self, samples: &[i16], whole: i64) -> i16 {
        let first = whole - self.before;
        let skip = (-first).max(0) as usize;
        let rest = samples.get(first.max(0) as usize..).unwrap_or_default();
        let sum: f32 = self.taps.iter().skip(skip).zip(rest).map(|(tap, sample)| tap * f32::from(*sample)).sum();
        sum.round().clamp(-32_768.0, 32_767.0) as i16
    }
}
