//! Every way a statement can be worth nothing, beside the one in which it counts.
