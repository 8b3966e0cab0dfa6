//! What history costs: a synthetic day of 500 processes.
fn main() {}
