//! The shape of a resampling filter: an ideal low pass, cut to length under Kaiser's window.
//!
//! β sets how far down the stop band is; the length then sets how steep the slope is (Kaiser's
//! formulas: A dB need β = 0.1102 (A − 8.7), and a slope of Δω needs (A − 8) / (2.285 Δω) taps).

use core::f64::consts::PI;

/// sin πx / πx.
pub(super) fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Kaiser's window with the parameter β, `x` from −1 to 1; 0 outside.
pub(super) fn kaiser(beta: f64, x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { bessel_i0(beta * (1.0 - x * x).sqrt()) / bessel_i0(beta) }
}

/// The modified Bessel function of the first kind and order 0, by its series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}
