//! Robust figures: one wild value among many moves none of them.

/// The middle of the values that are given in rising order.
fn middle(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

/// A line through values, with the slopes between which it lies in nine of ten
/// cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    pub slope: f64,
    pub low: f64,
    pub high: f64,
    /// The line's value at zero.
    pub base: f64,
    pub n: usize,
}

impl Fit {
    pub fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }
    /// Whether it is all but certain that it rises, or falls.
    pub fn moves(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Fewer values say nothing of a slope.
const LEAST: usize = 5;
/// More are thinned: the slopes between each two of them are looked at.
const MOST: usize = 120;
/// Of nine in ten, both ends left out alike.
const Z: f64 = 1.645;

/// The middle of the slopes between each two points (Theil 1950, Sen 1968), with
/// Sen's interval: the slopes that lie `Z` standard deviations of Kendall's
/// statistic from the middle.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Fit> {
    let finite: Vec<_> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let step = finite.len().div_ceil(MOST).max(1);
    // Counted from the end, so that the newest stays.
    let mut thinned: Vec<_> = finite.iter().rev().step_by(step).copied().collect();
    thinned.reverse();
    let n = thinned.len();
    if n < LEAST {
        return None;
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, (x, y)) in thinned.iter().enumerate() {
        let later = thinned[i + 1..].iter().filter(|(other, _)| other != x);
        slopes.extend(later.map(|(other, value)| (value - y) / (other - x)));
    }
    if slopes.is_empty() {
        return None;
    }
    slopes.sort_by(f64::total_cmp);
    let count = n as f64;
    let spread = (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
    let all = slopes.len() as f64;
    let last = slopes.len() - 1;
    let place = |p: f64| (p.max(0.0) as usize).min(last);
    let low = slopes[place(((all - Z * spread) / 2.0).floor())];
    let high = slopes[place(((all + Z * spread) / 2.0).ceil())];
    let slope = middle(&slopes);
    let base = median(&thinned.iter().map(|(x, y)| y - slope * x).collect::<Vec<_>>());
    Some(Fit { slope, low, high, base, n })
}

/// What is usual: the middle, and how far from it values lie, by the median of
/// their distances, scaled to a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub middle: f64,
    pub spread: f64,
}

/// Beyond so many spreads a value is far from its kind (Iglewicz and Hoaglin 1993).
pub const FAR: f64 = 3.5;

impl Usual {
    /// `floor`: the least spread, for values that are all but equal.
    pub fn of(values: &[f64], floor: f64) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let middle = median(values);
        let apart: Vec<_> = values.iter().map(|v| (v - middle).abs()).collect();
        Some(Self { middle, spread: (1.4826 * median(&apart)).max(floor) })
    }
    /// Robust z-score.
    pub fn z(&self, value: f64) -> f64 {
        (value - self.middle) / self.spread
    }
    pub fn range(&self) -> (f64, f64) {
        (self.middle - FAR * self.spread, self.middle + FAR * self.spread)
    }
}
