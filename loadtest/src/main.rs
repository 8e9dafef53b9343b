mod histogram;
mod results;

fn main() {}
